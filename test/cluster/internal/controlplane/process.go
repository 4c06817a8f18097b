//go:build linux

package controlplane

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A Process is named by its PID and the time it started (in ticks since boot),
// for a PID alone is reused.
type Process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

// parseProcess reads "PID", which must run now, or "PID:START".
func parseProcess(s string) (*Process, error) {
	number, start, complete := strings.Cut(s, ":")
	pid, err := strconv.Atoi(number)
	if err != nil || pid < 1 {
		return nil, fmt.Errorf("%q is not a PID", number)
	}
	p := &Process{PID: pid}
	if complete {
		if p.Start, err = strconv.ParseUint(start, 10, 64); err != nil {
			return nil, fmt.Errorf("%q is not a start time", start)
		}
		return p, nil
	}
	var alive bool
	if p.Start, alive = startTime(pid); !alive {
		return nil, fmt.Errorf("no process %d", pid)
	}
	return p, nil
}

// String is what parseProcess reads.
func (p Process) String() string { return fmt.Sprintf("%d:%d", p.PID, p.Start) }

// alive says whether the process still runs; a zombie does not.
func (p Process) alive() bool {
	start, ok := startTime(p.PID)
	return ok && start == p.Start
}

// startTime reads proc_pid_stat(5), whose second field is a name in parentheses
// that may itself hold spaces and parentheses; state is field 3, starttime 22.
func startTime(pid int) (ticks uint64, running bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return 0, false
	}
	ticks, err = strconv.ParseUint(fields[19], 10, 64)
	return ticks, err == nil
}

// worksIn says whether process pid has d as its working directory, as the
// servers of d have: a stale PID in cluster.json may be anybody's by now.
func worksIn(pid int, d dir) bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && cwd == string(d)
}
