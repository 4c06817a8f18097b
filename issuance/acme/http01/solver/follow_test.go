package solver

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certwright/certwright/issuance/acme/http01/answer"
)

func TestEntry(t *testing.T) {
	t.Parallel()
	ch := func(kind, state string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"uid": "u"},
			"spec":     map[string]any{"dnsName": "a.test", "token": "tok", "key": "tok.thumb", "type": kind},
			"status":   map[string]any{"state": state},
		}}
	}
	for name, tt := range map[string]struct {
		ch   *unstructured.Unstructured
		want bool
	}{
		"a new Challenge is answered for":   {ch("HTTP-01", ""), true},
		"a pending one too":                 {ch("HTTP-01", "pending"), true},
		"one that the CA looks at too":      {ch("HTTP-01", "processing"), true},
		"a valid one is not":                {ch("HTTP-01", "valid"), false},
		"a failed one is not":               {ch("HTTP-01", "errored"), false},
		"DNS-01 is not":                     {ch("DNS-01", "pending"), false},
		"what has no spec is not":           {&unstructured.Unstructured{Object: map[string]any{}}, false},
		"what is not even an object is not": {&unstructured.Unstructured{Object: map[string]any{"spec": "x", "status": 1}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, ok := entry(tt.ch)
			if ok != tt.want {
				t.Errorf("answered for: %t", ok)
			}
			if diff := cmp.Diff(answer.Entry{Host: "a.test", Token: "tok", Key: "tok.thumb"}, e); ok && diff != "" {
				t.Errorf("entry (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheStoreKeepsOnlyAnswers(t *testing.T) {
	t.Parallel()
	s := &store{table: &answer.Table{}}
	ch := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"uid": "u"},
		"spec":     map[string]any{"dnsName": "a.test", "token": "tok", "key": "tok.thumb", "type": "HTTP-01"},
	}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Replace([]any{ch}, "1"))
	if !s.synced.Load() || s.table.Len() != 1 {
		t.Error("not synced")
	}
	must(unstructured.SetNestedField(ch.Object, "valid", "status", "state"))
	must(s.Update(ch))
	if s.table.Len() != 0 {
		t.Error("answers for a Challenge that is over")
	}
	must(unstructured.SetNestedField(ch.Object, "pending", "status", "state"))
	must(s.Add(ch))
	must(s.Delete(ch))
	if s.table.Len() != 0 {
		t.Error("answers for a Challenge that is gone")
	}
	if s.Add("not an object") == nil {
		t.Error("takes anything")
	}
}
