//go:build cluster

package main

import "testing"

// Every controller takes its limit from the manager, unless it has one of its
// own: no worker waits for ever for an answer that does not come.
func TestAPassHasALimit(t *testing.T) {
	if limit := program.manager.GetControllerOptions().ReconciliationTimeout; limit != passTimeout {
		t.Errorf("limit %s, want %s", limit, passTimeout)
	}
}
