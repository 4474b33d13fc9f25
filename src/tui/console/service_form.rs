//! The form that registers or changes a service. What it sends is checked here field by field; what the broker says
//! against it comes back to the field that it is about, and nothing typed is lost.

use super::message::Order;
use crate::client::{ClientError, ServiceDraft};
use crate::domain::{Neuron, ServiceKind, ServiceName};
use crate::keys::Secret;
use crate::tui::kit::form::{Field, Form, Kind};
use crate::tui::texts;
use crate::wire::admin::ServiceItem;

const METERS: &[&str] = &["o200k", "usage", "bytes"];

const URL: &str = texts::console_services::URL_HINT;
const PRICE: &str = texts::console_services::PRICE_HINT;
const MODEL: &str = texts::console_services::MODEL_HINT;
const METER: &str = texts::console_services::METER_HINT;
const HEADERS: &str = texts::console_services::HEADERS_HINT;
const LIMIT: &str = texts::console_services::LIMIT_HINT;

#[derive(Clone, Debug)]
pub struct ServiceForm {
    pub form: Form,
    /// The service that is changed; absent when one is registered.
    before: Option<ServiceItem>,
    /// The number of the order that carries what stands here, while it runs.
    pub sending: Option<u64>,
    /// What was sent last, and under which key: the same again is the same order.
    sent: Option<(Vec<String>, String)>,
}

fn fields() -> Vec<Field> {
    vec![
        Field::new("Name", texts::labels::NAME, Kind::Text, texts::console_services::NAME_HINT),
        Field::new(
            "Type",
            texts::labels::TYPE,
            Kind::Choice(&ServiceKind::NAMES),
            texts::console_services::KIND_HINT,
        )
        .with(ServiceKind::Chatbot.as_str()),
        Field::new("URL", "URL", Kind::Text, URL),
        Field::new("model", texts::labels::MODEL, Kind::Text, MODEL),
        Field::new("inputPrice", texts::console_services::INPUT_PRICE, Kind::Text, PRICE),
        Field::new("outputPrice", texts::console_services::OUTPUT_PRICE, Kind::Text, PRICE),
        Field::new("meter", texts::labels::METER, Kind::Choice(METERS), METER).with("o200k"),
        Field::new("upstreamHeaders", texts::labels::HEADERS, Kind::Secret, HEADERS),
        Field::new("maxInFlight", texts::console_services::MOST_IN_FLIGHT, Kind::Text, LIMIT),
        Field::new("requestsPerMinute", texts::console_services::MOST_A_MINUTE, Kind::Text, LIMIT),
    ]
}

impl ServiceForm {
    pub fn register() -> ServiceForm {
        ServiceForm {
            form: Form::new(texts::console_services::REGISTER_TITLE, fields()),
            before: None,
            sending: None,
            sent: None,
        }
    }

    pub fn change(service: &ServiceItem) -> ServiceForm {
        let limit = |limit: Option<u64>| limit.map(|limit| limit.to_string()).unwrap_or_default();
        let mut fields = fields();
        for field in &mut fields {
            let value = match field.key {
                "Name" => service.name.to_string(),
                "Type" => service.kind.clone(),
                "URL" => service.url.clone(),
                "model" => service.model.clone(),
                "inputPrice" => service.input_price.to_string(),
                "outputPrice" => service.output_price.to_string(),
                "meter" => service.meter.clone(),
                "maxInFlight" => limit(service.limits.max_in_flight),
                "requestsPerMinute" => limit(service.limits.requests_per_minute),
                _ => String::new(),
            };
            *field = field.clone().with(value);
            if matches!(field.key, "Name" | "Type") {
                field.kind = Kind::Fixed;
            }
        }
        let mut form = Form::new(texts::console_services::change_title(&service.name), fields);
        // A new price is what it is opened for most.
        form.focus = form.fields.iter().position(|field| field.key == "inputPrice").unwrap_or(0);
        ServiceForm { form, before: Some(service.clone()), sending: None, sent: None }
    }

    pub fn is_registration(&self) -> bool {
        self.before.is_none()
    }

    /// What the broker said against it.
    pub fn refused(&mut self, error: &ClientError) {
        self.sending = None;
        self.form.complain(error.field(), error.sentence());
    }

    /// Checks all fields. Gives what is to be sent, or puts complaints under the fields.
    pub fn order(&mut self) -> Option<Order> {
        for field in &mut self.form.fields {
            field.complaint = None;
        }
        self.form.complaint = None;
        let mut wrong: Vec<(&'static str, String)> = Vec::new();
        let name: Option<ServiceName> = match self.form.value("Name").parse() {
            Ok(name) => Some(name),
            Err(_) => {
                let text = texts::console_services::WRITE_A_NAME.to_owned();
                wrong.push(("Name", text));
                None
            }
        };
        let url = self.form.value("URL").to_owned();
        if let Err(text) = check_url(&url) {
            wrong.push(("URL", text));
        }
        let mut price = |form: &Form, key: &'static str| match Neuron::parse_with_unit(form.value(key)) {
            Ok(price) => Some(price),
            Err(error) => {
                wrong.push((key, error.to_string()));
                None
            }
        };
        let (input, output) = (price(&self.form, "inputPrice"), price(&self.form, "outputPrice"));
        let headers = headers(self.form.value("upstreamHeaders"));
        if let Err(text) = &headers {
            wrong.push(("upstreamHeaders", text.clone()));
        }
        let mut limit = |form: &Form, key: &'static str| match form.value(key) {
            "" => None,
            text => match text.parse::<u64>() {
                Ok(limit) if limit > 0 => Some(limit),
                _ => {
                    wrong.push((key, texts::console_services::WHOLE_NUMBER.to_owned()));
                    None
                }
            },
        };
        let in_flight = limit(&self.form, "maxInFlight");
        let a_minute = limit(&self.form, "requestsPerMinute");
        let storage = self.form.value("Type") == "zgStorage";
        let meter = self.form.value("meter").to_owned();
        if self.before.is_some() && storage != (meter == "bytes") {
            wrong.push(("meter", texts::console_services::STORAGE_BY_BYTES.to_owned()));
        }
        // The first complaint gets the focus.
        for (key, text) in wrong.iter().rev() {
            self.form.complain(Some(key), text.clone());
        }
        if !wrong.is_empty() {
            return None;
        }
        let (name, headers) = (name?, headers.ok()?);
        let model = self.form.value("model").to_owned();
        let Some(before) = &self.before else {
            let draft = ServiceDraft {
                name: Some(name),
                kind: Some(self.form.value("Type").to_owned()),
                url: Some(url),
                model: Some(model).filter(|model| !model.is_empty()),
                input_price: input,
                output_price: output,
                // Of storage there is one meter only; the field need not be touched.
                meter: Some(if storage { "bytes".to_owned() } else { meter }),
                headers,
                max_in_flight: in_flight.map(Some),
                requests_per_minute: a_minute.map(Some),
            };
            return Some(Order::Register { draft: Box::new(draft), key: self.key() });
        };
        let change = ServiceDraft {
            name: None,
            kind: None,
            url: Some(url).filter(|url| *url != before.url),
            model: Some(model).filter(|model| *model != before.model),
            input_price: input.filter(|price| *price != before.input_price),
            output_price: output.filter(|price| *price != before.output_price),
            meter: Some(meter).filter(|meter| *meter != before.meter),
            headers,
            max_in_flight: Some(in_flight).filter(|limit| *limit != before.limits.max_in_flight),
            requests_per_minute: Some(a_minute).filter(|limit| *limit != before.limits.requests_per_minute),
        };
        if is_empty(&change) {
            self.form.complaint = Some(texts::console_services::NOTHING_CHANGED.to_owned());
            return None;
        }
        Some(Order::Change { name: before.name.clone(), change: Box::new(change) })
    }

    /// The key of the order that was sent with these very values, or none yet.
    fn key(&self) -> String {
        match &self.sent {
            Some((values, key)) if *values == self.values() => key.clone(),
            _ => String::new(),
        }
    }

    fn values(&self) -> Vec<String> {
        self.form.fields.iter().map(|field| field.value.clone()).collect()
    }

    /// Keeps the key of an order whose answer was lost.
    pub fn keep(&mut self, order: &Order, error: &ClientError) {
        if let (Order::Register { key, .. }, true) = (order, error.is_silence()) {
            self.sent = Some((self.values(), key.clone()));
        }
    }

    /// What is about to be changed on the chain, in lines.
    pub fn summary(&self) -> String {
        match &self.before {
            None => texts::console_services::SAVE_REGISTERS.to_owned(),
            Some(_) => texts::console_services::SAVE_CHANGES.to_owned(),
        }
    }
}

fn is_empty(change: &ServiceDraft) -> bool {
    change.url.is_none()
        && change.model.is_none()
        && change.input_price.is_none()
        && change.output_price.is_none()
        && change.meter.is_none()
        && change.headers.is_none()
        && change.max_in_flight.is_none()
        && change.requests_per_minute.is_none()
}

fn check_url(text: &str) -> Result<(), String> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => Ok(()),
        Ok(_) => Err(texts::console_services::URL_BEGINS.to_owned()),
        Err(_) if text.is_empty() => Err(texts::console_services::URL_EMPTY.to_owned()),
        Err(_) => Err(texts::console_services::URL_NO_ADDRESS.to_owned()),
    }
}

type Headers = Option<Vec<(String, Secret<String>)>>;

/// `name: value; name: value`. Nothing typed changes nothing.
fn headers(text: &str) -> Result<Headers, String> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    let read = |part: &str| {
        let (name, value) = part.split_once(':').ok_or(texts::console_services::HEADERS_SHAPE)?;
        let (name, value) = (name.trim(), value.trim());
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || !name.bytes().all(legal) || value.is_empty() {
            return Err(texts::console_services::HEADERS_NAME);
        }
        Ok((name.to_owned(), Secret::new(value.to_owned())))
    };
    let all: Vec<_> = parts.map(read).collect::<Result<_, &str>>()?;
    Ok(if all.is_empty() { None } else { Some(all) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn set(form: &mut ServiceForm, key: &str, value: &str) {
        let field = form.form.fields.iter_mut().find(|field| field.key == key).unwrap();
        *field = field.clone().with(value);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let mut form = ServiceForm::register();
        set(&mut form, "URL", "ftp://x");
        set(&mut form, "inputPrice", "1.5");
        set(&mut form, "outputPrice", "-1");
        set(&mut form, "upstreamHeaders", "key");
        set(&mut form, "maxInFlight", "0");
        assert!(form.order().is_none());
        let wrong: Vec<_> =
            form.form.fields.iter().filter(|f| f.complaint.is_some()).map(|f| f.key).collect();
        assert_eq!(wrong, ["Name", "URL", "inputPrice", "outputPrice", "upstreamHeaders", "maxInFlight"]);
        assert_eq!(form.form.fields[form.form.focus].key, "Name", "the first has the focus");
        assert_eq!(form.form.value("inputPrice"), "1.5");
    }

    #[test]
    fn a_registration_carries_what_was_typed() {
        let mut form = ServiceForm::register();
        set(&mut form, "Name", "llama7b");
        set(&mut form, "URL", "http://127.0.0.1:8000/v1");
        set(&mut form, "inputPrice", "100000");
        set(&mut form, "outputPrice", "0.0000000000002 A0GI");
        set(&mut form, "upstreamHeaders", "authorization: Bearer k:1; x-a: b");
        let Some(Order::Register { draft, .. }) = form.order() else { panic!("it is complete") };
        assert_eq!(draft.input_price, Some(Neuron::new(100_000)));
        assert_eq!(draft.output_price, Some(Neuron::new(200_000)));
        assert_eq!(draft.headers.unwrap()[0].1.expose(), "Bearer k:1");
    }
}
