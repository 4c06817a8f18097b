package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/kubernetes"
)

// clockTick is the unit of CPU times in /proc: 100 a second on Linux.
const clockTick = 10 * time.Millisecond

// conflict is counted as if it were a verb of its own: the requests, of any
// verb, that were refused because of another.
const conflict = "409"

// A snapshot is what all counters stand at.
type snapshot struct {
	at       time.Time
	cpu      map[string]time.Duration // by process
	busy     time.Duration            // all processors, all processes
	requests map[string]float64       // by "VERB resource"
}

// A usage is the difference between two snapshots.
type usage struct {
	wall     time.Duration
	cpu      map[string]time.Duration
	others   time.Duration // CPU of everything that is not measured here
	requests map[string]float64
}

// A meter reads the counters of the processes pids and of the API server.
type meter struct {
	client kubernetes.Interface
	pids   map[string]int
}

func (m *meter) snapshot(ctx context.Context) (*snapshot, error) {
	s := &snapshot{at: time.Now(), cpu: map[string]time.Duration{}, requests: map[string]float64{}}
	for name, pid := range m.pids {
		cpu, err := processCPU(pid)
		if err != nil {
			return nil, err
		}
		s.cpu[name] = cpu
	}
	self, err := processCPU(os.Getpid())
	if err != nil {
		return nil, err
	}
	s.cpu["generator"] = self
	if s.busy, err = machineCPU(); err != nil {
		return nil, err
	}
	raw, err := m.client.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the API server's counters: %w", err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(raw)))
	if err != nil {
		return nil, fmt.Errorf("read the API server's counters: %w", err)
	}
	for _, metric := range families["apiserver_request_total"].GetMetric() {
		label := labels(metric)
		if label["dry_run"] != "" {
			continue // nothing was written
		}
		resource := label["resource"]
		if label["subresource"] != "" {
			resource += "/" + label["subresource"]
		}
		s.requests[label["verb"]+" "+resource] += metric.GetCounter().GetValue()
		if label["code"] == conflict {
			s.requests[conflict+" "+resource] += metric.GetCounter().GetValue()
		}
	}
	return s, nil
}

func labels(m *dto.Metric) map[string]string {
	out := map[string]string{}
	for _, pair := range m.GetLabel() {
		out[pair.GetName()] = pair.GetValue()
	}
	return out
}

// since returns what was used between from and now.
func (m *meter) since(ctx context.Context, from *snapshot) (*usage, error) {
	to, err := m.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	u := &usage{wall: to.at.Sub(from.at), cpu: map[string]time.Duration{}, requests: map[string]float64{}, others: to.busy - from.busy}
	for name := range to.cpu {
		u.cpu[name] = to.cpu[name] - from.cpu[name]
		if u.cpu[name] < 0 { // it is another process by now
			u.cpu[name] = to.cpu[name]
		}
		u.others -= u.cpu[name]
	}
	for key, n := range to.requests {
		if d := n - from.requests[key]; d > 0 {
			u.requests[key] = d
		}
	}
	return u, nil
}

// count adds the requests with one of these verbs for one of these resources,
// subresources not included.
func (u *usage) count(verbs string, resources ...string) float64 {
	var total float64
	for key, n := range u.requests {
		verb, resource, _ := strings.Cut(key, " ")
		if slices.Contains(strings.Split(verbs, ","), verb) && (len(resources) == 0 || slices.Contains(resources, resource)) {
			total += n
		}
	}
	return total
}

// list prints the requests for each of n objects, the most frequent first.
func (u *usage) list(n int) string {
	keys := slices.SortedFunc(maps.Keys(u.requests), func(a, b string) int { return int(u.requests[b] - u.requests[a]) })
	var parts []string
	for _, key := range keys {
		if each := u.requests[key] / float64(n); each >= 0.01 {
			parts = append(parts, fmt.Sprintf("%s %.2f", key, each))
		}
	}
	return strings.Join(parts, ", ")
}

// processCPU is the user and system time of a process.
func processCPU(pid int) (time.Duration, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("CPU of process %d: %w", pid, err)
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	return ticks(fields[11]) + ticks(fields[12]), nil
}

// runtimeOf is the time that the threads of a process have run, to the
// nanosecond, without those that have ended.
func runtimeOf(pid int) (time.Duration, error) {
	paths, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/schedstat")
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		first, _, _ := strings.Cut(string(data), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", path, err)
		}
		total += time.Duration(n)
	}
	return total, nil
}

// machineCPU is the time that all processors were not idle.
func machineCPU() (time.Duration, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("CPU of the machine: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(line)[1:]
	var busy time.Duration
	for i, field := range fields[:8] {
		if i != 3 && i != 4 { // idle, waiting for disks
			busy += ticks(field)
		}
	}
	return busy, nil
}

// loadAverage is how many processes wanted to run in the last 1, 5 and 15
// minutes.
func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(string(data))[:3], " ")
}

func ticks(field string) time.Duration {
	n, _ := strconv.ParseInt(field, 10, 64) // the kernel wrote it
	return time.Duration(n) * clockTick
}

// memory returns a process's resident memory in MiB, by the name of a line of
// its status: VmRSS for now, VmHWM for the peak.
func memory(pid int, name string) (float64, error) {
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, fmt.Errorf("memory of process %d: %w", pid, err)
	}
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		if rest, ok := strings.CutPrefix(scanner.Text(), name+":"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("memory of process %d: no line %s", pid, name)
}

// forgetPeak has the kernel measure the peak of a process's memory from now on.
func forgetPeak(pid int) error {
	if err := os.WriteFile("/proc/"+strconv.Itoa(pid)+"/clear_refs", []byte("5"), 0); err != nil {
		return fmt.Errorf("forget the peak of process %d: %w", pid, err)
	}
	return nil
}

// percentile returns the p-th of the sorted durations, 0 ≤ p ≤ 1.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}
