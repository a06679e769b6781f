//! Fetches a page as a user: `client URL 'DOMAIN\user'`, with the password as a line on standard input.

use std::error::Error;
use std::io::BufRead as _;

use ntlm::{ClientConfig, ClientPolicy, Credentials, Password};
use ntlm_http::client::{Body, Client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(user)) = (arguments.next(), arguments.next()) else {
        return Err("two arguments are needed: a URL and a user".into());
    };
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    print!("{}", fetch(&url, &user, &Password::new(password.trim_end_matches(['\r', '\n']))).await?);
    Ok(())
}

/// Logs on and gives the page.
pub(crate) async fn fetch(url: &str, user: &str, password: &Password) -> Result<String, Box<dyn Error>> {
    let client = Client::builder()
        // For this origin and no other, wherever redirects may lead.
        .credentials(url, Credentials::new(user, password))?
        // Real servers: the default asks for everything that protects.
        .config(ClientConfig::new(ClientPolicy::windows()))
        .build();
    let response = client.send(http::Request::get(url).body(Body::empty())?).await?;
    if !response.status().is_success() {
        return Err(format!("{url} answers {}", response.status()).into());
    }
    let page = response.into_body().read(1 << 20).await?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
