//! Who may log on.
