//! Promise: the commonest event costs three heap allocations: the texts of its two ids, and what was written.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use kenar::webhook::Event;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// Safety: everything is left to the system's allocator; counting is beside it and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_chatbot_text_costs_three_allocations() {
    let body = include_bytes!("fixtures/event/chatbot_text.json");
    let before = ALLOCATIONS.get();
    let event = Event::from_unverified_body(body);
    let spent = ALLOCATIONS.get() - before;
    assert!(matches!(event, Ok(Event::ChatbotMessage(_))), "{event:?}");
    assert_eq!(spent, 3, "allocations for one chatbot text");
}
