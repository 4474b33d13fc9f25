//! Requests to the provider put together by hand, right in everything but what a test makes wrong.

use http::Method;
use sha2::{Digest, Sha256};
use zgserve_tui::domain::{
    AccountId, B256, Neuron, RequestAuth, RequestId, SignedRequestAuth, SignedVoucher, Timestamp, Voucher,
    VoucherDomain,
};
use zgserve_tui::keys::Wallet;
use zgserve_tui::wire::auth::{REQUEST_HEADER, VOUCHER_HEADER, encode_request_auth, encode_voucher};

use super::{Got, World, finish};

/// Everything that a paid request is made of. All fields may be bent.
#[derive(Clone, Debug)]
pub struct Forged {
    pub request: RequestId,
    pub account: AccountId,
    pub epoch: u32,
    pub cumulative: u128,
    pub service: String,
    pub suffix: String,
    /// What is signed as the path; what is sent is `suffix`.
    pub signed_suffix: String,
    pub body: Vec<u8>,
    /// What is signed as the body; what is sent is `body`.
    pub signed_body: Vec<u8>,
    pub max_fee: u128,
    pub price_version: u64,
    pub expiry: Timestamp,
    pub voucher_domain: VoucherDomain,
    pub request_domain: VoucherDomain,
}

impl World {
    /// A request for a chat that the provider would serve, signed with the user's own key.
    pub async fn forge(&self, text: &str) -> Forged {
        let name = "llama7b".parse().unwrap();
        let service = self.chain.service(self.provider_address(), &name, None).await.unwrap().unwrap();
        let account = self.chain.account(self.id(), None).await.unwrap();
        let owed = self.provider().user(self.user_address()).map_or(0, |user| user.owed.get());
        let body = super::chat(text).into_bytes();
        let max_fee = 1_000 * super::OUTPUT_PRICE;
        Forged {
            request: RequestId::random(),
            account: self.id(),
            epoch: account.map_or(0, |account| account.epoch),
            cumulative: owed + max_fee,
            service: "llama7b".to_owned(),
            suffix: "/chat/completions".to_owned(),
            signed_suffix: "/chat/completions".to_owned(),
            signed_body: body.clone(),
            body,
            max_fee,
            price_version: service.version,
            expiry: Timestamp::now().plus_seconds(60),
            voucher_domain: self.chain.domain(),
            request_domain: self.chain.domain(),
        }
    }

    /// Signs with the user's key and sends to the provider.
    pub async fn send(&self, forged: &Forged) -> Got {
        self.send_signed(forged, &self.user_side.wallet).await
    }

    pub async fn send_signed(&self, forged: &Forged, key: &Wallet) -> Got {
        let path = format!("/v1/proxy/{}{}", forged.service, forged.suffix);
        let request = self
            .proxy()
            .request(Method::POST, &path)
            .header("content-type", "application/json")
            .header(VOUCHER_HEADER, encode_voucher(&forged.voucher(key)))
            .header(REQUEST_HEADER, encode_request_auth(&forged.authorisation(key).into()))
            .body(forged.body.clone());
        finish(request).await
    }
}

impl Forged {
    pub fn voucher(&self, key: &Wallet) -> SignedVoucher {
        let voucher =
            Voucher { account: self.account, epoch: self.epoch, cumulative: Neuron::new(self.cumulative) };
        let signature = key.sign(voucher.signing_hash(&self.voucher_domain)).unwrap();
        SignedVoucher { voucher, signature }
    }

    /// The two headers of the payment: voucher and request.
    pub fn headers(&self, key: &Wallet) -> (String, String) {
        (encode_voucher(&self.voucher(key)), encode_request_auth(&self.authorisation(key).into()))
    }

    fn authorisation(&self, key: &Wallet) -> SignedRequestAuth {
        let auth = RequestAuth {
            request: self.request,
            account: self.account,
            service: self.service.clone(),
            method: "POST".to_owned(),
            path: self.signed_suffix.clone(),
            body_hash: B256::from_slice(&Sha256::digest(&self.signed_body)),
            price_version: self.price_version,
            max_fee: Neuron::new(self.max_fee),
            expiry: self.expiry,
        };
        let signature = key.sign(auth.signing_hash(&self.request_domain)).unwrap();
        SignedRequestAuth { auth, signature }
    }
}
