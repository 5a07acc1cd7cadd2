//! Orders, and the form that they are read from.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kenar::model::ConversationId;
use serde::Deserialize;

use super::random::{NoRandomness, random_id};

/// One option of a form.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: &'static str,
    pub label: &'static str,
}

pub static DAYS: [Choice; 7] = [
    Choice { value: "sat", label: "شنبه" },
    Choice { value: "sun", label: "یکشنبه" },
    Choice { value: "mon", label: "دوشنبه" },
    Choice { value: "tue", label: "سه‌شنبه" },
    Choice { value: "wed", label: "چهارشنبه" },
    Choice { value: "thu", label: "پنجشنبه" },
    Choice { value: "fri", label: "جمعه" },
];

pub static HOURS: [Choice; 4] = [
    Choice { value: "9-12", label: "۹ تا ۱۲" },
    Choice { value: "12-15", label: "۱۲ تا ۱۵" },
    Choice { value: "15-18", label: "۱۵ تا ۱۸" },
    Choice { value: "18-21", label: "۱۸ تا ۲۱" },
];

/// The maximum length of an address, in characters.
pub const MAX_ADDRESS: usize = 300;

/// The time of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    day: &'static Choice,
    hours: &'static Choice,
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}، ساعت {}", self.day.label, self.hours.label)
    }
}

/// A delivery that one side orders and the other may confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// A secret: only people with the link can open the order.
    pub id: String,
    pub conversation: ConversationId,
    pub when: When,
    pub address: String,
    /// New for each proposed time, so that nobody confirms a time they did not see.
    pub proposal: String,
    pub is_confirmed: bool,
}

/// The form as it was sent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Form {
    pub day: String,
    pub hours: String,
    pub address: String,
}

/// The mistakes of a form, by field.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    pub day: Option<&'static str>,
    pub hours: Option<&'static str>,
    pub address: Option<&'static str>,
}

/// The user's purpose in opening the add-on.
#[derive(Clone, Debug)]
pub enum Purpose {
    NewOrder,
    OtherTime(Order),
}

/// A form without mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    when: When,
    address: String,
}

impl Draft {
    pub fn read(form: &Form, purpose: &Purpose) -> Result<Self, Mistakes> {
        let day = chosen(&DAYS, &form.day).ok_or("یک روز را انتخاب کنید");
        let hours = chosen(&HOURS, &form.hours).ok_or("یک بازهٔ زمانی را انتخاب کنید");
        let address = match purpose {
            Purpose::NewOrder => read_address(&form.address),
            Purpose::OtherTime(order) => Ok(order.address.clone()),
        };
        match (day, hours, address) {
            (Ok(day), Ok(hours), Ok(address)) => Ok(Self { when: When { day, hours }, address }),
            (day, hours, address) => Err(Mistakes { day: day.err(), hours: hours.err(), address: address.err() }),
        }
    }

    /// A new order, or the same order with another time to confirm.
    pub fn order(self, purpose: &Purpose, conversation: &ConversationId) -> Result<Order, NoRandomness> {
        let id = match purpose {
            Purpose::NewOrder => random_id()?,
            Purpose::OtherTime(order) => order.id.clone(),
        };
        let Self { when, address } = self;
        let proposal = random_id()?;
        Ok(Order { id, conversation: conversation.clone(), when, address, proposal, is_confirmed: false })
    }
}

fn chosen(choices: &'static [Choice], value: &str) -> Option<&'static Choice> {
    choices.iter().find(|choice| choice.value == value)
}

fn read_address(text: &str) -> Result<String, &'static str> {
    let address = text.trim();
    match address.chars().count() {
        0 => Err("نشانی را بنویسید"),
        1..=MAX_ADDRESS => Ok(address.to_owned()),
        _ => Err("نشانی بیش از ۳۰۰ نویسه دارد"),
    }
}

/// The result of confirming a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    Now,
    Before,
    /// Another time was proposed since, or the order is unknown.
    Outdated,
}

/// All orders, in memory. An add-on in several processes, or one that must survive restarts, needs a store.
#[derive(Default)]
pub struct Orders(Mutex<HashMap<String, Order>>);

impl Orders {
    pub fn get(&self, id: &str) -> Option<Order> {
        self.all().get(id).cloned()
    }

    /// Stores an order, and returns the replaced one.
    pub fn put(&self, order: Order) -> Option<Order> {
        self.all().insert(order.id.clone(), order)
    }

    /// Undoes [`put`](Self::put).
    pub fn take_back(&self, id: &str, before: Option<Order>) {
        match before {
            Some(before) => drop(self.put(before)),
            None => drop(self.all().remove(id)),
        }
    }

    pub fn confirm(&self, id: &str, proposal: &str) -> Confirmed {
        match self.all().get_mut(id).filter(|order| order.proposal == proposal) {
            None => Confirmed::Outdated,
            Some(order) if order.is_confirmed => Confirmed::Before,
            Some(order) => {
                order.is_confirmed = true;
                Confirmed::Now
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
