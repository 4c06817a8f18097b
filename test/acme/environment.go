package acme

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
)

// construction is held while Pebble reads the environment.
var construction sync.Mutex

// environment sets what Pebble reads and returns the way back.
func environment(o Options) (restore func(), err error) {
	construction.Lock()
	var undo []func() error
	restore = func() {
		defer construction.Unlock()
		for _, f := range undo {
			// Putting back what Getenv gave us cannot be refused.
			_ = f()
		}
	}
	for name, value := range map[string]string{
		"PEBBLE_VA_NOSLEEP":          "1",
		"PEBBLE_VA_ALWAYS_VALID":     "0",
		"PEBBLE_WFE_NONCEREJECT":     strconv.Itoa(o.NonceReject),
		"PEBBLE_AUTHZREUSE":          strconv.Itoa(o.AuthzReuse),
		"PEBBLE_WFE_ORDERS_PER_PAGE": "100",
	} {
		undo = append(undo, putBack(name))
		err = errors.Join(err, os.Setenv(name, value))
	}
	if err != nil {
		restore()
		return nil, fmt.Errorf("set Pebble's environment: %w", err)
	}
	return restore, nil
}

func putBack(name string) func() error {
	old, was := os.LookupEnv(name)
	if !was {
		return func() error { return os.Unsetenv(name) }
	}
	return func() error { return os.Setenv(name, old) }
}
