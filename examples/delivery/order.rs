//! What is ordered, how it is read from a form, and the orders there are.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kenar::model::ConversationId;
use serde::Deserialize;

use super::random::{NoRandomness, random_id};

/// One of the answers that a form offers.
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

/// How many characters an address may have.
pub const MAX_ADDRESS: usize = 300;

/// When a delivery is to come.
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

/// A delivery that one side has asked for, and the other may confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Nobody can guess it, so that who has a link to the order was given it.
    pub id: String,
    pub conversation: ConversationId,
    pub when: When,
    pub address: String,
    /// Another for each time that is proposed, so that nobody confirms a time they did not see.
    pub proposal: String,
    pub is_confirmed: bool,
}

/// What a user has filled in, as it came.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Form {
    pub day: String,
    pub hours: String,
    pub address: String,
}

/// What is wrong with a form, field by field.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    pub day: Option<&'static str>,
    pub hours: Option<&'static str>,
    pub address: Option<&'static str>,
}

/// What a user opened the add-on for.
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

    /// The order that comes of it: a new one, or the same with a time that is to be confirmed anew.
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

/// What came of confirming a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    Now,
    Before,
    /// Another time was proposed since, or there is no such order.
    Outdated,
}

/// All orders, in memory. An add-on that runs on several machines, or through restarts, keeps them in a store.
#[derive(Default)]
pub struct Orders(Mutex<HashMap<String, Order>>);

impl Orders {
    pub fn get(&self, id: &str) -> Option<Order> {
        self.all().get(id).cloned()
    }

    /// Keeps an order, and gives what it replaces.
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
