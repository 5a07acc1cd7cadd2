#![no_main]

use std::sync::LazyLock;

use kenar_fuzz::checks::Check;
use libfuzzer_sys::fuzz_target;

static CHECK: LazyLock<Check> = LazyLock::new(|| kenar_fuzz::check("start_command"));

fuzz_target!(|data: &[u8]| (CHECK)(data));
