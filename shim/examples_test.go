package shim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/test/annotated"
)

func TestExamples(t *testing.T) {
	for name, tt := range annotated.Examples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := shim.DefaultOptions()
			if tt.Options != nil {
				opts = *tt.Options
			}
			got := pass(t, tt.Ingress, opts, tt.Existing)
			if diff := cmp.Diff(tt.Want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("one pass (-want +got):\n%s", diff)
			}
		})
	}
}
