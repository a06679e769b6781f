//! The site of files.

use crate::support::*;

fn site() -> (Directory, Server) {
    let directory = Directory::new();
    let root = directory.0.join("site");
    for path in ["docs", "docs/deep", "with index", "tricky"] {
        std::fs::create_dir_all(root.join(path)).unwrap();
    }
    for (path, content) in [
        ("page.html", "<h1>page</h1>"),
        ("picture.png", "\u{89}PNG"),
        ("docs/a.txt", "a"),
        ("docs/.hidden", "hidden"),
        ("with index/index.html", "the index"),
        ("tricky/<b>&\"'.txt", "tricky"),
        ("tricky/50%25 #?.txt", "percent"),
    ] {
        std::fs::write(root.join(path), content).unwrap();
    }
    std::fs::write(root.join("large"), vec![7; 300_000]).unwrap();
    std::fs::write(directory.0.join("secret.txt"), "out of reach").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../secret.txt", root.join("way-out.txt")).unwrap();
        std::os::unix::fs::symlink("..", root.join("way-up")).unwrap();
        std::os::unix::fs::symlink("docs/a.txt", root.join("within.txt")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("docs/broken")).unwrap();
        std::fs::create_dir(root.join(".git")).unwrap();
        std::fs::write(root.join(".git/config"), "hidden").unwrap();
        std::os::unix::fs::symlink("docs/.hidden", root.join("way-in.txt")).unwrap();
        std::os::unix::fs::symlink(".git", root.join("way-in")).unwrap();
    }
    let server = Server::start(&directory, &["--dir", root.to_str().unwrap()]);
    (directory, server)
}

#[test]
fn files_are_served_to_users_alone() {
    let (_directory, server) = site();
    assert_eq!(server.connect().get("/page.html").status, 401);
    let mut http = server.alice();
    let reply = http.get("/page.html");
    assert_eq!((reply.status, reply.text()), (200, "<h1>page</h1>"));
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(
        (reply.header("cache-control"), reply.header("x-content-type-options")),
        ("private, no-cache", "nosniff")
    );
    assert_eq!(http.get("/picture.png?version=1").header("content-type"), "image/png");
    assert_eq!(http.get("/large").body, vec![7; 300_000]);
    assert_eq!(http.get("/docs/a.txt").text(), "a");
    assert_eq!(http.get("/docs/b.txt").status, 404);
    assert_eq!(http.get("/docs/a.txt/").status, 404);
    let reply = http.request("DELETE", "/page.html", &[], b"");
    assert_eq!((reply.status, reply.header("allow")), (405, "GET, HEAD"));
}

#[test]
fn nothing_outside_is_served_whatever_the_path_looks_like() {
    let (_directory, server) = site();
    let mut http = server.alice();
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/docs/../../secret.txt",
        "/docs/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "/way-out.txt",
        "/way-up/",
        "/way-up/secret.txt",
        "/way-in.txt",
        "/way-in/",
        "/way-in/config",
        "/docs/.hidden",
        "/docs/%2ehidden",
        "/page.html%00.png",
        "/docs/broken",
        "/%ff",
    ] {
        let reply = http.get(path);
        assert_eq!((reply.status, reply.text()), (404, "There is no such file.\n"), "{path}");
    }
    #[cfg(unix)]
    assert_eq!(http.get("/within.txt").text(), "a");
}

#[test]
fn a_directory_is_its_index_or_its_list() {
    let (_directory, server) = site();
    let mut http = server.alice();
    assert_eq!(http.get("/with%20index/").text(), "the index");
    let reply = http.get("/with%20index");
    assert_eq!((reply.status, reply.header("location")), (308, "/with%20index/"));
    // Two slashes would name another host.
    assert_eq!(http.get("//docs").header("location"), "/docs/");

    let list = http.get("/docs/");
    assert_eq!((list.status, list.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = list.text();
    let order = ["../", "./deep/", "./a.txt"].map(|href| text.find(&format!("href=\"{href}\"")).expect(href));
    assert!(order.is_sorted() && !text.contains("hidden") && !text.contains("broken"), "{text}");

    let tricky = http.get("/tricky/").text().to_owned();
    assert!(!tricky.contains("<b>") && tricky.contains("&lt;b&gt;&amp;&quot;&#39;.txt"), "{tricky}");
    for (at, _) in tricky.match_indices("href=\"./") {
        let href = &tricky[at + 8..];
        let path = format!("/tricky/{}", &href[..href.find('"').unwrap()]);
        assert_eq!(http.get(&path).status, 200, "{path}");
    }
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let (_directory, server) = site();
    let mut http = server.alice();
    let reply = http.get("/page.html");
    let date = reply.header("last-modified").to_owned();
    assert!(date.ends_with(" GMT"), "{date}");
    let reply = http.request("GET", "/page.html", &[&format!("If-Modified-Since: {date}")], b"");
    assert_eq!((reply.status, reply.header("last-modified")), (304, date.as_str()));
    for since in ["Thu, 01 Jan 1970 00:00:00 GMT", "yesterday"] {
        let reply = http.request("GET", "/page.html", &[&format!("If-Modified-Since: {since}")], b"");
        assert_eq!(reply.status, 200, "{since}");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let (_directory, server) = site();
    let mut http = server.alice();
    let reply = http.request("HEAD", "/large", &[], b"");
    assert_eq!((reply.status, reply.header("content-length")), (200, "300000"));
    assert_eq!(http.get("/docs/a.txt").text(), "a", "the connection goes on");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let (directory, server) = site();
    let made = std::process::Command::new("mkfifo").arg(directory.0.join("site/pipe")).status().unwrap();
    assert!(made.success());
    let mut http = server.alice();
    assert_eq!(http.get("/pipe").status, 404);
    drop(http);
    server.terminate();
    assert!(server.end().success(), "nor does the end of the server wait");
}

#[cfg(unix)]
#[test]
fn links_that_lead_outside_are_not_listed() {
    let (_directory, server) = site();
    let mut http = server.alice();
    let listing = http.get("/").text().to_owned();
    assert!(listing.contains("within.txt") && !listing.contains("way-"), "{listing}");
}
