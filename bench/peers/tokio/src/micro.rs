// SPDX-License-Identifier: MIT

// tokio's current_thread runtime.
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, Mutex};

#[repr(C)]
struct TimeSpec {
    seconds: i64,
    nanoseconds: i64,
}
extern "C" {
    fn clock_gettime(clock: i32, time: *mut TimeSpec) -> i32;
}
const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;

fn cpu_ns() -> f64 {
    let mut time = TimeSpec {
        seconds: 0,
        nanoseconds: 0,
    };
    unsafe { clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.seconds as f64 * 1e9 + time.nanoseconds as f64
}

// Has the compiler believe that the value is used; std::hint::black_box is newer than Debian 12's compiler.
fn keep(value: u64) -> u64 {
    unsafe { std::ptr::read_volatile(&value) }
}

fn status_bytes(field: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

fn report_ns(row: &str, ns: f64) {
    println!("{{\"t\": \"{}\", \"ns\": {:.2}}}", row, ns)
}
fn report_bytes(row: &str, bytes: f64) {
    println!("{{\"t\": \"{}\", \"bytes\": {:.0}}}", row, bytes)
}

#[inline(never)]
async fn child(i: u64) -> u64 {
    keep(i)
}

// A recursive async function needs a box for its future.
fn fibonacci(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        fibonacci(n - 1).await + fibonacci(n - 2).await
    })
}

async fn yield_repeatedly(times: u64) {
    for _ in 0..times {
        tokio::task::yield_now().await
    }
}

async fn lock_repeatedly(mutex: Arc<Mutex<u64>>, times: u64) {
    for _ in 0..times {
        let mut held = mutex.lock().await;
        *held += 1;
        tokio::task::yield_now().await
    }
}

// The loop is on one thread, this runs on another.
fn post_from_another_thread(runtime: tokio::runtime::Handle, finished: oneshot::Sender<()>) {
    let answered = Arc::new(AtomicU64::new(0));
    let mut times = Vec::new();
    for i in 1..=20_000u64 {
        let answered_there = answered.clone();
        let start = Instant::now();
        runtime.spawn(async move { answered_there.store(i, Ordering::Release) });
        while answered.load(Ordering::Acquire) != i {
            std::hint::spin_loop()
        }
        times.push(start.elapsed().as_nanos() as f64);
        let pause = Instant::now();
        while pause.elapsed().as_nanos() < 20_000 {}
    }
    times.sort_by(|a, b| a.partial_cmp(b).unwrap());
    report_ns("xthread_rtt_p50", times[times.len() / 2]);
    report_ns("xthread_rtt_p99", times[times.len() * 99 / 100]);
    let posts = 1_000_000u64;
    let count = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    for _ in 0..posts {
        let count = count.clone();
        runtime.spawn(async move {
            count.fetch_add(1, Ordering::Relaxed);
        });
    }
    while count.load(Ordering::Relaxed) != posts {
        std::hint::spin_loop()
    }
    report_ns("xthread_post", start.elapsed().as_nanos() as f64 / posts as f64);
    let _ = finished.send(());
}

async fn run_row(row: &str) {
    let million = 1_000_000u64;
    let mut sum = 0u64;
    let start = cpu_ns();
    match row {
        "call" => {
            let calls = 10 * million;
            for i in 0..calls {
                sum = sum.wrapping_add(child(i).await);
            }
            report_ns(row, (cpu_ns() - start) / calls as f64);
        }
        "fib" => {
            assert_eq!(fibonacci(25).await, 75_025);
            report_ns(row, (cpu_ns() - start) / 242_785.0);
        }
        "spawn_await" => {
            for i in 0..million {
                sum += tokio::spawn(child(i)).await.unwrap();
            }
            report_ns(row, (cpu_ns() - start) / million as f64);
        }
        "spawn_join" => {
            let before = status_bytes("VmRSS");
            let mut tasks = Vec::with_capacity(million as usize);
            for i in 0..million {
                tasks.push(tokio::spawn(child(i)));
            }
            for task in tasks {
                sum += task.await.unwrap();
            }
            report_ns(row, (cpu_ns() - start) / million as f64);
            report_bytes("spawn_join_rss", (status_bytes("VmHWM") - before) / million as f64);
        }
        "gather" => {
            let (count, rounds) = (10_000u64, 50u64);
            for _ in 0..rounds {
                let tasks: Vec<_> = (0..count).map(|i| tokio::spawn(child(i))).collect();
                for task in tasks {
                    sum += task.await.unwrap();
                }
            }
            report_ns(row, (cpu_ns() - start) / (count * rounds) as f64);
        }
        "yield2" | "yield1000" => {
            let yields = 5 * million;
            let count = if row == "yield2" { 2 } else { 1000 };
            let tasks: Vec<_> = (0..count)
                .map(|_| tokio::spawn(yield_repeatedly(yields / count)))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            report_ns(row, (cpu_ns() - start) / yields as f64);
        }
        "chan" => {
            let items = 2 * million;
            let (sender, mut receiver) = mpsc::channel::<u64>(64);
            let producer = tokio::spawn(async move {
                for i in 0..items {
                    sender.send(i).await.unwrap()
                }
            });
            let consumer = tokio::spawn(async move {
                let mut sum = 0;
                while let Some(item) = receiver.recv().await {
                    sum += item
                }
                sum
            });
            producer.await.unwrap();
            sum = consumer.await.unwrap();
            report_ns(row, (cpu_ns() - start) / items as f64);
        }
        "mutex" => {
            let times = 5 * million;
            let mutex = Mutex::new(0u64);
            for _ in 0..times {
                let mut held = mutex.lock().await;
                *held += 1;
            }
            report_ns("mutex_unc", (cpu_ns() - start) / times as f64);
            let mutex = Arc::new(Mutex::new(0u64));
            let start = cpu_ns();
            let tasks: Vec<_> = (0..100)
                .map(|_| tokio::spawn(lock_repeatedly(mutex.clone(), 10_000)))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            report_ns("mutex_cont", (cpu_ns() - start) / million as f64);
        }
        "timers" => {
            let before = status_bytes("VmRSS");
            let mut tasks = Vec::with_capacity(million as usize);
            let mut random = 88172645463325252u64;
            for _ in 0..million {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let duration = Duration::from_millis(random % 1000);
                tasks.push(tokio::spawn(async move { tokio::time::sleep(duration).await }))
            }
            for task in tasks {
                task.await.unwrap();
            }
            report_ns("timers_cpu", (cpu_ns() - start) / million as f64);
            report_bytes("timers_rss", (status_bytes("VmHWM") - before) / million as f64);
        }
        "future" => {
            for i in 0..million {
                let (sender, receiver) = oneshot::channel();
                tokio::spawn(async move {
                    let _ = sender.send(i);
                });
                sum += receiver.await.unwrap();
            }
            report_ns("future_set", (cpu_ns() - start) / million as f64);
        }
        "xthread" => {
            let runtime = tokio::runtime::Handle::current();
            let (sender, receiver) = oneshot::channel::<()>();
            let poster = std::thread::spawn(move || post_from_another_thread(runtime, sender));
            receiver.await.unwrap();
            poster.join().unwrap();
        }
        _ => panic!("no such row"),
    }
    keep(sum);
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let row = std::env::args().nth(1).unwrap();
    runtime.block_on(async move { tokio::spawn(async move { run_row(&row).await }).await.unwrap() });
}
