//! A video is never in memory as a whole. One test alone in its program, since it counts what the program allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use kenar::Client;
use kenar::model::MediaToken;
use kenar::operation::{Media, MediaKind, MediaSource, UploadMedia};
use kenar::request::BaseUrls;
use kenar::secret::{ApiKey, UploadToken};
use tokio::io::{AsyncRead, ReadBuf};

/// The system's allocator, with a count of what is allocated now and the most there ever was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn grown(by: usize) {
    let now = NOW.fetch_add(by, Ordering::SeqCst) + by;
    MOST.fetch_max(now, Ordering::SeqCst);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::SeqCst);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may exist at once.
        grown(size);
        NOW.fetch_sub(layout.size(), Ordering::SeqCst);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A reader of as many bytes as are left, made while they are read.
struct Generated(u64);

impl AsyncRead for Generated {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let count = self.0.min(buffer.remaining() as u64);
        buffer.initialize_unfilled_to(count as usize).fill(b'v');
        buffer.advance(count as usize);
        self.0 -= count;
        Poll::Ready(Ok(()))
    }
}

/// Reads one request to its end, keeping nothing, and answers. Gives how many bytes came after its head.
fn discard_one(listener: &TcpListener) -> u64 {
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let (_, length) = head.split_once("content-length: ").expect("no length was announced");
    let length = length.lines().next().unwrap().parse().unwrap();
    let mut buffer = [0; 16 * 1024];
    let mut read = 0;
    while read < length {
        match stream.read(&mut buffer).unwrap() as u64 {
            0 => panic!("the client closed after {read} of {length} bytes"),
            count => read += count,
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"id\":\"medium\"}").unwrap();
    read
}

#[tokio::test]
async fn largest_video_is_uploaded_in_a_small_part_of_its_size() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_urls = BaseUrls::single(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let client = Client::builder(ApiKey::new("api-key-of-the-test").unwrap()).base_urls(base_urls).build().unwrap();
    let token = UploadToken::new("upload-token-of-the-test").unwrap();
    let server = tokio::task::spawn_blocking(move || discard_one(&listener));

    let length = MediaKind::Video.max_bytes();
    let before = NOW.load(Ordering::SeqCst);
    MOST.store(before, Ordering::SeqCst);
    let media = Media::video("long.mp4", MediaSource::reader(length, Generated(length))).unwrap();
    let uploaded = client.execute(&UploadMedia::new(&media, &token)).await.unwrap();
    let growth = MOST.load(Ordering::SeqCst) - before;

    assert_eq!(uploaded, MediaToken::new("medium"));
    assert!(server.await.unwrap() > length, "less than the video arrived");
    assert!(growth < 4 << 20, "{growth} bytes were in memory at once, of a video of {length}");
}
