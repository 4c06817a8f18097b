package shim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/certwright/certwright/shim"
	"github.com/certwright/certwright/test/annotated"
)

func TestExamples(t *testing.T) { play(t, annotated.Examples()) }

func TestGatewayExamples(t *testing.T) { play(t, annotated.GatewayExamples()) }

func play(t *testing.T, examples map[string]annotated.Example) {
	for name, tt := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := tt.UsedOptions()
			got := passOver(t, sourceOf(&tt, opts), opts, tt.Existing)
			if diff := cmp.Diff(tt.Want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("one pass (-want +got):\n%s", diff)
			}
		})
	}
}

func sourceOf(example *annotated.Example, opts shim.Options) *shim.Source {
	switch {
	case example.Ingress != nil:
		return shim.FromIngress(example.Ingress)
	case example.ListenerSet != nil:
		return shim.FromListenerSet(example.ListenerSet, example.Gateway, nil, opts)
	default:
		return shim.FromGateway(example.Gateway, nil, opts)
	}
}
