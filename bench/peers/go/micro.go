// SPDX-License-Identifier: MIT

// Goroutines, on one cpu. Not call and fib, which are plain function calls in Go.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	clockMonotonic  = 1
	clockProcessCPU = 2
)

func clock(id uintptr) float64 {
	var time syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&time)), 0)
	return float64(time.Sec)*1e9 + float64(time.Nsec)
}

func cpu() float64 { return clock(clockProcessCPU) }

func statusBytes(field string) float64 {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, field) {
			var kib float64
			fmt.Sscan(strings.Fields(line)[1], &kib)
			return kib * 1024
		}
	}
	return 0
}

func reportNs(row string, ns float64) { fmt.Printf("{\"t\": \"%s\", \"ns\": %.2f}\n", row, ns) }
func reportBytes(row string, bytes float64) {
	fmt.Printf("{\"t\": \"%s\", \"bytes\": %.0f}\n", row, bytes)
}

//go:noinline
func child(i int) int { return i }

var sink int

func spawnAwait() {
	const count = 1_000_000
	start := cpu()
	sum := 0
	for i := 0; i < count; i++ {
		result := make(chan int, 1)
		go func() { result <- child(i) }()
		sum += <-result
	}
	sink = sum
	reportNs("spawn_await", (cpu()-start)/count)
}

func spawnJoin() {
	const count = 1_000_000
	before := statusBytes("VmRSS")
	start := cpu()
	var group sync.WaitGroup
	sum := 0
	group.Add(count)
	for i := 0; i < count; i++ {
		go func(i int) { sum += child(i); group.Done() }(i)
	}
	group.Wait()
	sink = sum
	reportNs("spawn_join", (cpu()-start)/count)
	reportBytes("spawn_join_rss", (statusBytes("VmHWM")-before)/count)
}

func gather() {
	const count, rounds = 10_000, 50
	start := cpu()
	for round := 0; round < rounds; round++ {
		var group sync.WaitGroup
		group.Add(count)
		results := make([]int, count)
		for i := 0; i < count; i++ {
			go func(i int) { results[i] = child(i); group.Done() }(i)
		}
		group.Wait()
		for _, result := range results {
			sink += result
		}
	}
	reportNs("gather", (cpu()-start)/(count*rounds))
}

func yield(row string, count int) {
	const yields = 5_000_000
	start := cpu()
	var group sync.WaitGroup
	group.Add(count)
	for j := 0; j < count; j++ {
		go func() {
			for i := 0; i < yields/count; i++ {
				runtime.Gosched()
			}
			group.Done()
		}()
	}
	group.Wait()
	reportNs(row, (cpu()-start)/yields)
}

func channel() {
	const items = 2_000_000
	queue := make(chan int, 64)
	result := make(chan int)
	start := cpu()
	go func() {
		for i := 0; i < items; i++ {
			queue <- i
		}
		close(queue)
	}()
	go func() {
		sum := 0
		for item := range queue {
			sum += item
		}
		result <- sum
	}()
	sink = <-result
	reportNs("chan", (cpu()-start)/items)
}

func mutex() {
	const times = 5_000_000
	var lock sync.Mutex
	start := cpu()
	for i := 0; i < times; i++ {
		lock.Lock()
		sink++
		lock.Unlock()
	}
	reportNs("mutex_unc", (cpu()-start)/times)
	const tasks, each = 100, 10_000
	start = cpu()
	var group sync.WaitGroup
	group.Add(tasks)
	for j := 0; j < tasks; j++ {
		go func() {
			for i := 0; i < each; i++ {
				lock.Lock()
				sink++
				runtime.Gosched()
				lock.Unlock()
			}
			group.Done()
		}()
	}
	group.Wait()
	reportNs("mutex_cont", (cpu()-start)/(tasks*each))
}

func timers() {
	const count = 1_000_000
	before := statusBytes("VmRSS")
	start := cpu()
	var group sync.WaitGroup
	group.Add(count)
	random := uint64(88172645463325252)
	for i := 0; i < count; i++ {
		random ^= random << 13
		random ^= random >> 7
		random ^= random << 17
		duration := time.Duration(random%1000) * time.Millisecond
		go func() { time.Sleep(duration); group.Done() }()
	}
	group.Wait()
	reportNs("timers_cpu", (cpu()-start)/count)
	reportBytes("timers_rss", (statusBytes("VmHWM")-before)/count)
}

func future() {
	const count = 1_000_000
	start := cpu()
	for i := 0; i < count; i++ {
		result := make(chan int, 1)
		go func() { result <- i }()
		sink += <-result
	}
	reportNs("future_set", (cpu()-start)/count)
}

// Two threads and a channel between them.
func threads() {
	const roundTrips, posts = 20_000, 1_000_000
	runtime.GOMAXPROCS(2)
	inbox := make(chan uint64, 1024)
	var answered, counted uint64
	go func() {
		runtime.LockOSThread()
		for number := range inbox {
			if number != 0 {
				atomic.StoreUint64(&answered, number)
			} else {
				atomic.AddUint64(&counted, 1)
			}
		}
	}()
	runtime.LockOSThread()
	times := make([]float64, 0, roundTrips)
	for i := uint64(1); i <= roundTrips; i++ {
		start := clock(clockMonotonic)
		inbox <- i
		for atomic.LoadUint64(&answered) != i {
		}
		times = append(times, clock(clockMonotonic)-start)
		for pause := clock(clockMonotonic); clock(clockMonotonic)-pause < 20_000; {
		}
	}
	sort.Float64s(times)
	reportNs("xthread_rtt_p50", times[len(times)/2])
	reportNs("xthread_rtt_p99", times[len(times)*99/100])
	start := clock(clockMonotonic)
	for i := 0; i < posts; i++ {
		inbox <- 0
	}
	for atomic.LoadUint64(&counted) != posts {
	}
	reportNs("xthread_post", (clock(clockMonotonic)-start)/posts)
}

func main() {
	switch row := os.Args[1]; row {
	case "spawn_await":
		spawnAwait()
	case "spawn_join":
		spawnJoin()
	case "gather":
		gather()
	case "yield2":
		yield(row, 2)
	case "yield1000":
		yield(row, 1000)
	case "chan":
		channel()
	case "mutex":
		mutex()
	case "timers":
		timers()
	case "future":
		future()
	case "xthread":
		threads()
	}
}
