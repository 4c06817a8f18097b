package solver

import (
	"fmt"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"github.com/certwright/certwright/issuance/acme/http01/answer"
)

// store receives Challenges and keeps nothing of them but the answers.
type store struct {
	table  *answer.Table
	synced atomic.Bool
}

// Add takes a Challenge in.
func (s *store) Add(obj any) error {
	ch, err := challenge(obj)
	if err != nil {
		return err
	}
	if e, ok := entry(ch); ok {
		s.table.Put(string(ch.GetUID()), e)
	} else {
		s.table.Drop(string(ch.GetUID()))
	}
	return nil
}

// Update takes a changed Challenge in.
func (s *store) Update(obj any) error { return s.Add(obj) }

// Delete takes a Challenge away.
func (s *store) Delete(obj any) error {
	ch, err := challenge(obj)
	if err != nil {
		return err
	}
	s.table.Drop(string(ch.GetUID()))
	return nil
}

// Replace takes a whole list in; from then on all Challenges are known.
func (s *store) Replace(list []any, _ string) error {
	all := map[string]answer.Entry{}
	for _, obj := range list {
		ch, err := challenge(obj)
		if err != nil {
			return err
		}
		if e, ok := entry(ch); ok {
			all[string(ch.GetUID())] = e
		}
	}
	s.table.Replace(all)
	s.synced.Store(true)
	return nil
}

// Resync has nothing to do.
func (s *store) Resync() error { return nil }

var _ cache.ReflectorStore = (*store)(nil)

func challenge(obj any) (*unstructured.Unstructured, error) {
	ch, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("%T is not a Challenge", obj)
	}
	return ch, nil
}

// entry is what has to be answered for ch: nothing unless it is HTTP-01 and
// still open. A new Challenge is answered for before it is presented, so that
// nobody has to wait for us.
func entry(ch *unstructured.Unstructured) (answer.Entry, bool) {
	field := func(path ...string) string {
		s, _, err := unstructured.NestedString(ch.Object, path...)
		if err != nil {
			return ""
		}
		return s
	}
	switch field("status", "state") {
	case "valid", "invalid", "expired", "errored":
		return answer.Entry{}, false
	}
	e := answer.Entry{Host: field("spec", "dnsName"), Token: field("spec", "token"), Key: field("spec", "key")}
	return e, field("spec", "type") == "HTTP-01" && e.Host != "" && e.Token != "" && e.Key != ""
}
