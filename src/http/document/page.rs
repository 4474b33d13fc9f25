//! The page of a route table: contents, each route with a line that calls it, each object that answers hold.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::schema::{example, example_of};
use super::{Told, parameters_of_path};
use crate::http::field::{Content, Field, Kind, Presence};
use crate::http::routes::{Access, RouteDoc};

const STYLE: &str = include_str!("page.css");

/// Writing into a String cannot fail, so nothing is made of its result.
macro_rules! put {
    ($html:expr, $($words:tt)*) => { let _ = write!($html, $($words)*); };
}

pub(super) fn page(told: &Told<'_>) -> String {
    let mut html = String::with_capacity(96 << 10);
    let (title, about) = (escape(told.title), words(told.about));
    put!(
        html,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <meta name=color-scheme content=\"light dark\"><title>{title}</title><style>{STYLE}</style>\
         <header><h1>{title}</h1><p>{about}</p>{}</header>",
        of_all(told)
    );
    let of_group = |group| told.routes.iter().filter(move |route| route.group == group);
    let groups = || told.groups.iter().filter(move |(name, _)| of_group(*name).next().is_some());
    html.push_str("<nav aria-label=Contents>");
    for (group, _) in groups() {
        put!(html, "<a class=group href=\"#{}\">{group}</a><ul>", anchor(group));
        for route in of_group(group) {
            put!(html, "<li><a href=\"#{}\">{} {}</a>", route.name, route.method, escape(&path(route)));
        }
        html.push_str("</ul>");
    }
    html.push_str("<a class=group href=\"#objects\">Objects</a></nav><main>");
    for (group, about) in groups() {
        put!(html, "<h2 id=\"{}\">{group}</h2><p>{}</p>", anchor(group), words(about));
        for route in of_group(group) {
            section(&mut html, route, told.address);
        }
    }
    html.push_str(
        "<h2 id=objects>Objects</h2><p>What answers, events and details of errors hold. A field is there unless it says otherwise.</p>",
    );
    for shape in told.shapes().values() {
        put!(
            html,
            "<h3 id=\"{0}\"><a href=\"#{0}\">{0}</a></h3><p>{1}</p><table>",
            shape.name,
            words(shape.about)
        );
        shape.fields().for_each(|field| row(&mut html, field, true));
        html.push_str("</table>");
    }
    html.push_str("</main>");
    html
}

/// What holds for every route.
fn of_all(told: &Told<'_>) -> String {
    let token = if told.routes.iter().any(|route| route.access == Access::Owner) {
        "<p>Where the settings have a token, each call needs <code>-H \"Authorization: Bearer …\"</code>, except \
         those that are marked as open.</p>"
    } else {
        ""
    };
    format!(
        "<p>The same as <a href=\"/openapi.json\">OpenAPI 3.1</a>.</p>\
         <p>Amounts are whole neuron as decimal text (1 A0GI = 10<sup>18</sup> neuron); requests may give a number \
         instead. Times are RFC 3339 in UTC: whole seconds, but for those of requests and operations. Keys of requests match in any case; one that is not known is refused.</p>\
         <p>An error is <code>{{\"error\": {{\"code\", \"message\", \"details\", \"type\", \"param\"}}}}</code> with a status of 400 or \
         above. <code>code</code> is stable and named at each route, <code>message</code> is for people, \
         <code>details</code> has what a program needs: see the objects that end in Details. Beside what is named there, each route that takes something \
         may answer 400 <code>bad_input</code> with the <code>field</code> in its details, or 413 \
         <code>body_too_large</code>; each that is not open to everyone 401 <code>token_required</code> or 403 \
         <code>host_not_allowed</code>, <code>origin_not_allowed</code>, <code>page_unknown</code>; and any 503 \
         <code>internal</code>, <code>busy</code>, <code>disk_full</code>, <code>stopping</code>. \
         <code>Retry-After</code> says when to try again. Each answer has an <code>x-request-id</code> that the \
         broker's log knows.</p>{token}"
    )
}

fn section(html: &mut String, route: &RouteDoc, address: &str) {
    put!(
        html,
        "<h3 id=\"{0}\"><a href=\"#{0}\"><b>{1}</b> {2}</a></h3><p>{3}</p>",
        route.name,
        route.method,
        escape(&path(route)),
        words(route.about)
    );
    match route.access {
        Access::Owner => {}
        Access::Open => html.push_str("<p class=dim>Open: asks for no token.</p>"),
        Access::Public => html.push_str("<p class=dim>Open to everyone; what it takes is signed.</p>"),
    }
    put!(html, "<pre>{}</pre>", escape(&curl(route, address)));
    let in_path: Vec<Field> = parameters_of_path(route).collect();
    for (title, fields) in
        [("Path", &in_path[..]), ("Query", route.query), ("Headers", route.headers), ("Body", route.body)]
    {
        if fields.is_empty() {
            continue;
        }
        put!(html, "<table><caption>{title}</caption>");
        fields.iter().for_each(|field| row(html, field, false));
        html.push_str("</table>");
    }
    for answer in route.answers {
        let (status, about) = (answer.status, words(answer.about));
        match answer.content {
            Content::Json(shape) | Content::Perhaps(shape) => {
                let shown = escape(&format!("{:#}", example_of(shape)));
                put!(html, "<details><summary><b>{status}</b> {about}</summary><pre>{shown}</pre></details>");
                put!(html, "<p class=dim>See <a href=\"#{0}\">{0}</a>.</p>", shape.name);
            }
            Content::Events(events) => {
                put!(
                    html,
                    "<p class=dim><b>{status}</b> {about} <code>text/event-stream</code></p><p class=dim>Events: "
                );
                for (number, (event, shape)) in events.iter().enumerate() {
                    let comma = if number == 0 { "" } else { ", " };
                    put!(html, "{comma}<a href=\"#{}\">{event}</a>", shape.name);
                }
                html.push_str(".</p>");
            }
            Content::Text(types) => {
                let types = types.join("</code> <code>");
                put!(html, "<p class=dim><b>{status}</b> {about} <code>{types}</code></p>");
            }
            Content::Nothing | Content::Object | Content::Streamed | Content::Passed => {
                put!(html, "<p class=dim><b>{status}</b> {about}</p>");
            }
        }
    }
    if !route.answer_headers.is_empty() {
        html.push_str("<table><caption>Headers of the answer</caption>");
        route.answer_headers.iter().for_each(|field| row(html, field, true));
        html.push_str("</table>");
    }
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for &(status, code) in route.refusals.iter().copied().flatten() {
        let codes = by_status.entry(status).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    if !by_status.is_empty() {
        html.push_str("<p class=\"dim no\">Refuses with");
        for (status, codes) in by_status {
            put!(html, " <span><b>{status}</b> <code>{}</code></span>", codes.join("</code> <code>"));
        }
        html.push_str("</p>");
    }
}

fn row(html: &mut String, field: &Field, answer: bool) {
    let mark = match field.presence {
        Presence::Untold => return,
        Presence::Always => "",
        Presence::OrNull => ", or null",
        Presence::OrAbsent if answer => ", or absent",
        Presence::OrAbsent => ", optional",
    };
    let (name, about) = (escape(field.name), words(field.about));
    put!(html, "<tr><td class=key>{name}<td>{}{mark}<td>{about}", kind(field.kind));
}

/// A kind in a few words.
fn kind(kind: Kind) -> String {
    match kind {
        Kind::Address => "address".to_owned(),
        Kind::Amount(0, _) => "neuron".to_owned(),
        Kind::Amount(least, _) => format!("neuron, {least} or more"),
        Kind::Id(digits) => format!("{digits} hexadecimal digits"),
        Kind::Hash => "32 bytes as <code>0x…</code>".to_owned(),
        Kind::Hex => "bytes as <code>0x…</code>".to_owned(),
        Kind::Name => "1 to 64 of <code>A-Z a-z 0-9 - _ .</code>, no <code>.</code> first".to_owned(),
        Kind::Count(0, u64::MAX) => "number".to_owned(),
        Kind::Count(from, u64::MAX) => format!("number, {from} or more"),
        Kind::Count(from, to) => format!("{from} to {to}"),
        Kind::Moment => "time".to_owned(),
        Kind::Words(list) => format!("<code>{}</code>", list.join("</code> <code>")),
        Kind::Truth => "<code>true</code> <code>false</code>".to_owned(),
        Kind::Url => "http or https URL".to_owned(),
        Kind::Cursor => "cursor".to_owned(),
        Kind::Line(most) => format!("one line, at most {most} bytes"),
        Kind::Text(_) => "text".to_owned(),
        Kind::Voucher => "125 bytes in base64url".to_owned(),
        Kind::Key => "text".to_owned(),
        Kind::Headers => "object of names and values".to_owned(),
        Kind::Object(shape) => format!("<a href=\"#{0}\">{0}</a>", shape.name),
        Kind::List(item) => format!("list of {}", self::kind(*item)),
        Kind::Free => "object".to_owned(),
    }
}

/// A line of shell that calls the route.
fn curl(route: &RouteDoc, address: &str) -> String {
    let mut target = path(route);
    for field in parameters_of_path(route) {
        let value = match field.name {
            "suffix" => "chat/completions".into(),
            "model" => "eliza".into(),
            _ => example(field.kind),
        };
        target = target.replace(&format!("{{{}}}", field.name), value.as_str().unwrap_or_default());
    }
    let needed = route.body.iter().filter(|field| field.is_required());
    let needed: Map<String, Value> =
        needed.map(|field| (field.name.to_owned(), example(field.kind))).collect();
    let body = match (route.example, needed.is_empty()) {
        ("", true) => None,
        ("", false) => Some(Value::from(needed).to_string()),
        (body, _) => Some(body.to_owned()),
    };
    let method = match (route.method, &body) {
        ("GET" | "ANY", _) | ("POST", Some(_)) => String::new(),
        (method, _) => format!("-X {method} "),
    };
    let wait = if matches!(route.answers, [answer] if matches!(answer.content, Content::Events(_))) {
        "-N "
    } else {
        ""
    };
    let body = body.map(|body| format!(" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{body}'"));
    format!("curl {wait}{method}{address}{target}{}", body.unwrap_or_default())
}

fn path(route: &RouteDoc) -> String {
    route.path.replace("{*", "{")
}

fn anchor(group: &str) -> String {
    group.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

/// A text with what stands in backticks as code.
fn words(text: &str) -> String {
    let mut html = String::new();
    for (number, part) in escape(text).split('`').enumerate() {
        let tag = if number == 0 {
            ""
        } else if number % 2 == 1 {
            "<code>"
        } else {
            "</code>"
        };
        html.push_str(tag);
        html.push_str(part);
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
