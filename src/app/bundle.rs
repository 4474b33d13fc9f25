//! `request bundle` and `verify`: what shows others what requests cost, and looking at it with no network.

use std::path::{Path, PathBuf};

use alloy::primitives::hex;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::api::Api;
use crate::cli::{Exit, Failure, Output, VerifyArgs};
use crate::domain::amount::counted;
use crate::domain::finding::overall;
use crate::domain::{Finding, RequestId};
use crate::private_files::{self, PrivateFileError};
use crate::verify::{Texts, verify};
use crate::wire::bundle::{Bundle, KIND, VERSION};

/// Ten thousand requests are a tenth of this.
const LARGEST_BUNDLE: u64 = 256 << 20;
/// What the broker takes of an answer is less.
const LARGEST_TEXT: u64 = 1 << 30;

/// Writes a bundle of these requests, to stdout or into a new file.
pub async fn make(api: &Api, ids: &[RequestId], output: Option<PathBuf>) -> Result<Exit> {
    let mut whole: Option<Bundle> = None;
    for id in ids {
        let one = api.get(&format!("/v1/request/{id}/bundle"), &[]).await?;
        let one: Bundle = serde_json::from_value(one).context("the broker's bundle cannot be read")?;
        match &mut whole {
            None => whole = Some(one),
            Some(whole) => whole.requests.extend(one.requests),
        }
    }
    let value = serde_json::to_value(&whole)?;
    let Some(file) = output else {
        Output.json(&value);
        return Ok(Exit::Ok);
    };
    let text = format!("{value:#}\n");
    private_files::create(&file, text.as_bytes())?;
    Output.note(&format!(
        "{} in {}; `zgserve-tui verify` looks at it anywhere",
        counted(ids.len(), "request"),
        file.display()
    ));
    Ok(Exit::Ok)
}

/// Holds a bundle against itself and the texts that were given. Reads no settings and asks nobody.
pub fn look(args: &VerifyArgs) -> Result<Exit> {
    let bundle = read_bundle(&args.file)?;
    let texts = Texts {
        body: args.body.as_deref().map(|file| read(file, LARGEST_TEXT)).transpose()?,
        answer: args.answer.as_deref().map(|file| read(file, LARGEST_TEXT)).transpose()?,
        content_type: args.content_type.clone(),
    };
    let given = texts.body.is_some() || texts.answer.is_some();
    let many = bundle.requests.len() > 1;
    if given && many && args.request.is_none() {
        return Err(bad(
            "there are several requests in the bundle; say with --request whose texts these are",
        ));
    }
    Output.line(&format!(
        "user {} on chain {}, contract {}: that these are the right ones you have to know yourself",
        bundle.user, bundle.chain_id, bundle.contract
    ));
    let mut all = Vec::new();
    let none = Texts::default();
    let wanted = |id: RequestId| args.request.is_none_or(|wanted| wanted == id);
    for request in bundle.requests.iter().filter(|request| wanted(request.request_id)) {
        Output.line(&format!("request {} with {}", request.request_id, request.provider));
        let checks = verify(&bundle, request, if given { &texts } else { &none });
        for check in &checks {
            let sign = match check.finding {
                Finding::Passed => "ok     ",
                Finding::Failed => "FAIL   ",
                Finding::Unknown => "unknown",
            };
            Output.line(&format!("  {sign} {}: {}", check.name, check.says));
        }
        all.extend(checks);
    }
    if all.is_empty() {
        return Err(bad("the bundle has no such request"));
    }
    let count = |finding| all.iter().filter(|check| check.finding == finding).count();
    let (failed, unknown) = (count(Finding::Failed), count(Finding::Unknown));
    Output.line(&match overall(&all) {
        Finding::Failed => format!("{failed} of {} failed", counted(all.len(), "check")),
        _ => format!("nothing is wrong; {unknown} of {} take more than is here", counted(all.len(), "check")),
    });
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failed })
}

fn bad(message: impl Into<String>) -> anyhow::Error {
    Failure::new(Exit::BadInput, message).into()
}

fn read_bundle(file: &Path) -> Result<Bundle> {
    let text = read(file, LARGEST_BUNDLE)?;
    let loose: serde_json::Value = serde_json::from_slice(&text)
        .map_err(|error| bad(format!("{} is not JSON: {error}", file.display())))?;
    if loose["Kind"] != KIND {
        return Err(bad(format!("{} is no bundle of receipts", file.display())));
    }
    if loose["Version"] != VERSION {
        let message =
            format!("{} is of layout {}, this program reads {VERSION}", file.display(), loose["Version"]);
        return Err(bad(message));
    }
    let bundle: Bundle = serde_json::from_value(loose)
        .map_err(|error| bad(format!("{} cannot be understood: {error}", file.display())))?;
    Output.note(&format!("{}: SHA-256 {}", file.display(), hex::encode(Sha256::digest(&text))));
    Ok(bundle)
}

fn read(file: &Path, most: u64) -> Result<Vec<u8>> {
    let unreadable = |error| PrivateFileError::Io { action: "read", path: file.to_owned(), source: error };
    let length = std::fs::metadata(file).map_err(unreadable)?.len();
    if length > most {
        return Err(bad(format!("{} is larger than {most} bytes", file.display())));
    }
    Ok(std::fs::read(file).map_err(unreadable)?)
}
