//! The frame around every function of the C ABI: no panic gets out, pointers are checked, and what is inside is safe code.
//!
//! A C function's parameters become values of types that implement [`Parameter`]; that step is `unsafe`, because whoever calls the
//! function vouches for its pointers there. Everything that these types do afterwards is safe to call: NULL is nothing, structures are read and written
//! without regard to alignment, and each once.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ntlm_sspi::SecurityStatus;

use crate::report;
use crate::types::{Plain, SECURITY_STATUS, SecHandle};

/// What a body answers: a status that is a success, or one that is none.
pub(crate) type Answer<T = ()> = Result<T, SecurityStatus>;

/// Successes: nothing to say, which is SEC_E_OK, or a status.
pub(crate) trait Success {
    fn status(self) -> SecurityStatus;
}

impl Success for () {
    fn status(self) -> SecurityStatus {
        SecurityStatus::SEC_E_OK
    }
}

impl Success for SecurityStatus {
    fn status(self) -> SecurityStatus {
        self
    }
}

/// Runs the body of a function that answers with a status. A panic is SEC_E_INTERNAL_ERROR.
pub(crate) fn frame<T: Success>(function: &'static str, body: impl FnOnce() -> Answer<T>) -> SECURITY_STATUS {
    report::begin();
    let answer = guarded(body).unwrap_or(Err(SecurityStatus::SEC_E_INTERNAL_ERROR));
    match answer {
        Ok(success) => success.status().0,
        Err(status) => {
            // Whatever happens to the report, the caller gets the status.
            let _ = guarded(|| report::failed(function, status));
            status.0
        }
    }
}

/// Runs the body of a function that answers with something else; `None` after a panic.
pub(crate) fn guarded<T>(body: impl FnOnce() -> T) -> Option<T> {
    // What a panic leaves behind is behind locks that say so, or belongs to this call alone.
    catch_unwind(AssertUnwindSafe(body)).map_err(std::mem::forget).ok()
}

/// A parameter of a C function.
pub trait Parameter {
    /// What C hands over.
    type Raw;

    /// Takes the parameter over.
    ///
    /// # Safety
    ///
    /// A pointer is NULL, or valid during the call for what the type does with it.
    unsafe fn vouched(raw: Self::Raw) -> Self;
}

macro_rules! by_value {
    ($($type:ty),*) => { $(
        impl Parameter for $type {
            type Raw = Self;
            unsafe fn vouched(raw: Self) -> Self {
                raw
            }
        }
    )* };
}

by_value!(u8, u32, usize);

/// A pointer that is not looked at.
pub struct Ignored;

impl Parameter for Ignored {
    type Raw = *mut c_void;
    unsafe fn vouched(_: *mut c_void) -> Self {
        Self
    }
}

/// A pointer to something that is read.
pub struct In<T>(*const T);

impl<T> Parameter for In<T> {
    type Raw = *const T;
    unsafe fn vouched(raw: *const T) -> Self {
        Self(raw)
    }
}

impl<T> In<T> {
    /// Where it is.
    pub(crate) fn address(&self) -> *const T {
        self.0
    }
}

impl<T: Plain> In<T> {
    /// What is there; `None` for NULL.
    pub(crate) fn read(&self) -> Option<T> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: the pointer is not NULL, so it was vouched for; every pattern of bits is a `T`.
        Some(unsafe { self.0.read_unaligned() })
    }
}

impl In<SecHandle> {
    /// The handle that is there.
    pub(crate) fn handle(&self) -> Answer<ntlm_sspi::SecHandle> {
        self.optional_handle().ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)
    }

    /// The handle that is there; `None` for NULL.
    pub(crate) fn optional_handle(&self) -> Option<ntlm_sspi::SecHandle> {
        self.read().map(Into::into)
    }
}

/// A pointer to something that is written.
pub struct Out<T>(*mut T);

impl<T> Parameter for Out<T> {
    type Raw = *mut T;
    unsafe fn vouched(raw: *mut T) -> Self {
        Self(raw)
    }
}

impl<T: Plain> Out<T> {
    /// Fails for NULL where there must be something.
    pub(crate) fn required(&self) -> Answer {
        if self.0.is_null() { Err(SecurityStatus::SEC_E_INTERNAL_ERROR) } else { Ok(()) }
    }

    /// Fails for NULL where a handle is to go.
    pub(crate) fn required_handle(&self) -> Answer {
        self.required().map_err(|_| SecurityStatus::SEC_E_INVALID_HANDLE)
    }

    /// Writes `value`; to NULL, nothing.
    pub(crate) fn write(&self, value: T) {
        if !self.0.is_null() {
            // SAFETY: the pointer is not NULL, so it was vouched for.
            unsafe { self.0.write_unaligned(value) }
        }
    }
}

/// Makes C functions of bodies: `fn Name(parameter: Type, ...) { body }`, where the types are [`Parameter`]s and the body is safe code that gives an
/// [`Answer`].
macro_rules! export {
    ($($(#[$doc:meta])* fn $name:ident($($parameter:ident: $type:ty),* $(,)?) $body:block)*) => { $(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// Pointers are NULL, or valid for what the function does with them as `sspi.h` says.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            $($parameter: <$type as $crate::frame::Parameter>::Raw),*
        ) -> $crate::types::SECURITY_STATUS {
            $(
                // SAFETY: the caller of the C function vouches for its pointers.
                let $parameter = unsafe { <$type as $crate::frame::Parameter>::vouched($parameter) };
            )*
            $crate::frame::frame(stringify!($name), move || $body)
        }
    )* };
}

pub(crate) use export;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_internal_error() {
        let status = frame("Test", || -> Answer { panic!("on purpose") });
        assert_eq!(status, SecurityStatus::SEC_E_INTERNAL_ERROR.0);
        assert_eq!(frame("Test", || Ok(SecurityStatus::SEC_I_CONTINUE_NEEDED)), 0x0009_0312);
    }

    #[test]
    fn unaligned_places_are_written_and_read() {
        let mut memory = [0_u8; 24];
        let place = memory.as_mut_ptr().wrapping_add(3);
        // SAFETY: eight bytes of `memory` are there.
        let out = unsafe { Out::<i64>::vouched(place.cast()) };
        out.write(-2);
        // SAFETY: as above.
        let input = unsafe { In::<i64>::vouched(place.cast_const().cast()) };
        assert_eq!(input.read(), Some(-2));
    }
}
