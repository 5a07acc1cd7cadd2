//! The cost of uploading a file: time, and peak memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kenar::Client;
use kenar::operation::{Media, MediaSource, UploadMedia};
use kenar::request::BaseUrls;
use kenar::secret::{ApiKey, UploadToken};
use support::stub::Stub;
use support::{Effort, argument, cpu_time, is_bench, median, memory_kib, stay_on_one_core};

const KENAR: &str = "kenar";
const RAW: &str = "raw socket, 64 KiB at a time";

fn main() {
    support::stub::serve_if_asked();
    if let Some(contestant) = argument("--contestant") {
        return upload(
            &contestant,
            Path::new(&argument("--file").unwrap()),
            argument("--port").unwrap().parse().unwrap(),
        );
    }
    stay_on_one_core();
    let stub = Stub::start(Duration::ZERO);
    let rounds = Effort::of_command_line(21, Duration::ZERO).rounds;
    for megabytes in if is_bench() { [1, 50] } else { [1, 2] } {
        let file = file(megabytes);
        let mut runs = [KENAR, RAW].map(|contestant| (contestant, Vec::new()));
        for _ in 0..rounds {
            for (contestant, results) in &mut runs {
                results.push(run(contestant, &file, stub.port));
            }
        }
        std::fs::remove_file(file).expect("the file can be removed");
        println!("\nupload of {megabytes} MB ({rounds} rounds)");
        println!("{:<34} {:>12} {:>12} {:>14}", "", "wall", "CPU", "peak memory");
        let column =
            |results: &[[f64; 3]], index: usize| -> Vec<f64> { results.iter().map(|row| row[index]).collect() };
        for (contestant, results) in &runs {
            let [wall, cpu, memory] = [0, 1, 2].map(|index| median(&column(results, index)));
            println!("{contestant:<34} {wall:>9.1} ms {cpu:>9.1} ms {:>10.1} MiB", memory / 1024.0);
        }
        let [wall, cpu, _] =
            [0, 1, 2].map(|index| support::ratio(&column(&runs[0].1, index), &column(&runs[1].1, index)));
        println!("{:<34} {:>9.2} {:>15.2}", "kenar to raw", wall.0, cpu.0);
    }
}

fn file(megabytes: usize) -> PathBuf {
    let path = std::env::temp_dir().join(format!("kenar-bench-{}-{megabytes}.mp4", std::process::id()));
    std::fs::write(&path, vec![b'v'; megabytes * 1_000_000]).expect("the disk has room");
    path
}

/// One upload in its own process: wall time and processor time in ms, peak memory in KiB.
fn run(contestant: &str, file: &Path, port: u16) -> [f64; 3] {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--contestant", contestant, "--port", &port.to_string(), "--file"])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{contestant}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut numbers = text.split_whitespace().map(|number| number.parse().unwrap());
    [(); 3].map(|()| numbers.next().unwrap())
}

fn upload(contestant: &str, file: &Path, port: u16) {
    let (wall, cpu) = if contestant == KENAR { with_kenar(file, port) } else { raw(file, port) };
    println!("{} {} {}", wall.as_secs_f64() * 1e3, cpu.as_secs_f64() * 1e3, memory_kib("VmHWM"));
}

fn with_kenar(file: &Path, port: u16) -> (Duration, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let base_urls = BaseUrls::single(&format!("http://127.0.0.1:{port}")).unwrap();
    let client = Client::builder(ApiKey::new("placeholder").unwrap()).base_urls(base_urls).build().unwrap();
    let token = UploadToken::new("placeholder").unwrap();
    timed(|| {
        runtime.block_on(async {
            let media = Media::video("video.mp4", MediaSource::file(file).await.unwrap()).unwrap();
            client.execute(&UploadMedia::new(&media, &token)).await.unwrap();
        });
    })
}

/// The minimum: the file is the whole body, without a form around it.
fn raw(file: &Path, port: u16) -> (Duration, Duration) {
    timed(|| {
        let mut file = std::fs::File::open(file).unwrap();
        let length = file.metadata().unwrap().len();
        let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(connection, "POST /upload/video HTTP/1.1\r\nhost: upload\r\ncontent-length: {length}\r\n\r\n").unwrap();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer).unwrap() {
                0 => break,
                count => connection.write_all(&buffer[..count]).unwrap(),
            }
        }
        let mut response = [0; 512];
        let length = connection.read(&mut response).unwrap();
        assert!(response[..length].starts_with(b"HTTP/1.1 200 "));
    })
}

fn timed(work: impl FnOnce()) -> (Duration, Duration) {
    let (wall, cpu) = (Instant::now(), cpu_time());
    work();
    (wall.elapsed(), cpu_time() - cpu)
}
