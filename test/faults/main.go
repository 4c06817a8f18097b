package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

func main() {
	bin := flag.String("bin", "bin", "folder with devcluster, certwright, certwright-faultyclock, acmesolver and certctl")
	only := flag.String("only", "", "make only the faults whose names match this; no quiet run, and no page")
	page := flag.String("page", "docs/monitoring-faults.md", "where the page goes")
	verify := flag.String("verify", "", "do nothing but compare this page with the list of faults")
	flag.Parse()
	log.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *verify != "" {
		err = verifyPage(*verify)
	} else {
		err = run(ctx, *bin, *only, *page)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

// run makes the faults and writes the page.
func run(ctx context.Context, bin, only, page string) (err error) {
	found, err := findPrograms(ctx)
	if err != nil {
		return err
	}
	chosen, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "certwright-faults-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	begin := time.Now()
	say := func(format string, args ...any) {
		fmt.Printf("%6.1f s  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(os.Stderr, "logs are in", dir)
		}
	}()
	w, err := build(ctx, found, bin, dir, say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.down()) }()
	if err := w.work(w.background); err != nil {
		return fmt.Errorf("the load: %w", err)
	}
	report, problems := report{versions: found.versions}, []string(nil)
	if only == "" {
		if problems, err = w.quietRun(ctx, say); err != nil {
			return fmt.Errorf("the quiet run: %w", err)
		}
	}
	outcomes, wrong := w.playAll(ctx, chosen, say)
	report.outcomes, problems = outcomes, append(problems, wrong...)
	if err := ctx.Err(); err != nil {
		return err
	}
	if only == "" {
		if report.panels, err = w.panels(ctx, begin); err != nil {
			return err
		}
		problems = append(problems, report.silentPanels()...)
	}
	report.took = time.Since(begin)
	if len(problems) > 0 {
		return fmt.Errorf("%d problems:\n  %s", len(problems), strings.Join(problems, "\n  "))
	}
	say("no alarm was missed, none was false")
	if only != "" {
		return nil
	}
	return report.write(page)
}

// playAll makes the chosen faults, one act after the other, until ctx ends.
func (w *world) playAll(ctx context.Context, chosen *regexp.Regexp, say func(string, ...any)) (outcomes []outcome, problems []string) {
	n := 0
	for _, act := range acts() {
		var scenes []*scene
		for _, f := range act {
			n++
			if chosen.MatchString(f.name) {
				scenes = append(scenes, &scene{world: w, fault: f, namespace: slug(n, f.name)})
			}
		}
		if len(scenes) == 0 || ctx.Err() != nil {
			continue
		}
		done, wrong := w.play(ctx, scenes, say)
		outcomes, problems = append(outcomes, done...), append(problems, wrong...)
	}
	return outcomes, problems
}

// play makes the faults of an act side by side, and says what came of each and
// what was wrong.
func (w *world) play(ctx context.Context, scenes []*scene, say func(string, ...any)) ([]outcome, []string) {
	first := w.receiver.count()
	outcomes := make([]outcome, len(scenes))
	var mu sync.Mutex
	var problems []string
	var group sync.WaitGroup
	for i, s := range scenes {
		group.Go(func() {
			say("%s", s.fault.name)
			o, err := s.play(ctx, first)
			mu.Lock()
			defer mu.Unlock()
			outcomes[i] = o
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s: %v", s.fault.name, err))
			}
		})
	}
	group.Wait()
	if err := w.until(ctx, healthy); err != nil {
		problems = append(problems, fmt.Sprintf("all should be well again: %v", err))
	}
	problems = append(problems, judge(scenes, w.receiver.from(first))...)
	for _, p := range problems {
		say("PROBLEM: %s", p)
	}
	return outcomes, problems
}

// play makes one fault, waits for its alerts, follows what they say, and ends it.
func (s *scene) play(ctx context.Context, first int) (o outcome, err error) {
	o.fault = s.fault
	if err := s.open(ctx); err != nil {
		return o, errors.Join(fmt.Errorf("set the scene: %w", err), s.close(ctx))
	}
	s.struck = time.Now()
	strike := make(chan error, 1)
	striking, stop := context.WithCancel(ctx)
	go func() { strike <- s.fault.strike(striking, s) }()
	if len(s.fault.wants) == 0 {
		err = errors.Join(<-strike, pause(ctx, scaled(s.fault.hold)-time.Since(s.struck)))
	} else {
		o.heard, err = s.listen(ctx, first)
		stop()
		if e := <-strike; e != nil && !errors.Is(e, context.Canceled) {
			err = errors.Join(err, fmt.Errorf("make the fault: %w", e))
		}
	}
	stop()
	if e := s.close(ctx); e != nil {
		return o, errors.Join(err, fmt.Errorf("end the fault: %w", e))
	}
	if len(s.fault.wants) > 0 {
		err = errors.Join(err, s.quiet(ctx, first))
	}
	return o, err
}

// listen waits for the alerts that the fault must raise, and runs the command
// that each of them names. What does not come in time is left to judge.
func (s *scene) listen(ctx context.Context, first int) ([]heard, error) {
	var all []heard
	var errs []error
	done := map[int]bool{}
	last := time.Duration(0)
	for _, w := range s.fault.wants {
		last = max(last, w.within)
	}
	for deadline := s.struck.Add(scaled(last) + 2*slack); time.Now().Before(deadline) && len(done) < len(s.fault.wants); {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return all, err
		}
		episodes := s.receiver.from(first)
		for i, w := range s.fault.wants {
			at := slices.IndexFunc(episodes, func(e episode) bool { return w.fits(e, s.namespace) })
			if done[i] || at < 0 {
				continue
			}
			done[i] = true
			h := heard{episode: episodes[at], after: episodes[at].fired.Sub(s.struck)}
			var err error
			if h.shown, h.command, err = s.check(ctx, w, h.episode); err != nil {
				errs = append(errs, err)
			}
			all = append(all, h)
		}
	}
	return all, errors.Join(errs...)
}

// check runs the command that an alert names and looks for the cause.
func (s *scene) check(ctx context.Context, w want, e episode) (shown, command string, err error) {
	if command, err = commandIn(e); err != nil || w.shows == "" {
		return "", command, err
	}
	out, err := s.follow(ctx, command)
	shown, ok := line(out, w.shows)
	if !ok {
		return "", command, errors.Join(fmt.Errorf("%s: %q does not show %q:\n%s", w.alert, command, w.shows, out), err)
	}
	return shown, command, nil
}

// quiet waits until no alert of the fault is active.
func (s *scene) quiet(ctx context.Context, first int) error {
	for deadline := time.Now().Add(scaled(time.Hour) + 2*slack); ; {
		active := ""
		for _, e := range s.receiver.from(first) {
			for _, w := range s.fault.wants {
				if w.fits(e, s.namespace) && e.ended.IsZero() {
					active = e.name()
				}
			}
		}
		if active == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is still active %s after the end of the fault", active, scaled(time.Hour)+2*slack)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}
