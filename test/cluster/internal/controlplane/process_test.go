//go:build linux

package controlplane

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestProcess(t *testing.T) {
	t.Parallel()
	self, ok := startTime(os.Getpid())
	if !ok {
		t.Fatal("we do not run")
	}
	tests := map[string]struct {
		process Process
		want    bool
	}{
		"we run":                         {Process{os.Getpid(), self}, true},
		"a PID that is reused is not us": {Process{os.Getpid(), self + 1}, false},
		"a PID that nobody has":          {Process{1 << 30, self}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.process.alive(); got != tt.want {
				t.Errorf("alive() = %v, want %v", got, tt.want)
			}
		})
	}
	for _, s := range []string{"", "x", "0", "-1", "1073741824", "1:x"} {
		if p, err := parseProcess(s); err == nil {
			t.Errorf("parseProcess(%q) = %v", s, p)
		}
	}
}

func TestOptionsArriveAtTheSupervisor(t *testing.T) {
	t.Parallel()
	want := Options{
		Dir:           "/a dir",
		Port:          20443,
		Owner:         &Process{PID: 7, Start: 42},
		APIServerArgs: []string{"--v=2", "--audit-policy-file=/a b"},
		Timeout:       time.Minute,
	}
	var got Options
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	got.Bind(flags)
	if err := flags.Parse(want.args()); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	if holder, err := lockHolder(path); holder != 0 || err != nil {
		t.Errorf("without a file: %d, %v", holder, err)
	}
	l, err := takeLock(path)
	if err != nil {
		t.Fatal(err)
	}
	l.release()
	if holder, err := lockHolder(path); holder != 0 || err != nil {
		t.Errorf("after release: %d, %v", holder, err)
	}
	// That another process sees us hold it is what TestUpAndDown stands on.
}

func TestPKIIsMadeOnce(t *testing.T) {
	t.Parallel()
	d := dir(t.TempDir())
	var made [2][]byte
	for i := range made {
		if err := ensurePKI(d); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(d.pki("ca.crt"))
		if err != nil {
			t.Fatal(err)
		}
		made[i] = data
	}
	if string(made[0]) != string(made[1]) {
		t.Error("the second call made another CA")
	}
}
