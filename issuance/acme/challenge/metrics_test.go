package challenge

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

// listed is a cache with these Challenges.
type listed []acmev1.Challenge

func (l listed) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	panic("not used")
}

func (l listed) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*acmev1.ChallengeList).Items = l
	return nil
}

func TestEachStateIsASeries(t *testing.T) {
	t.Parallel()
	ch := state().Challenge
	ch.Status = acmev1.ChallengeStatus{State: acmev1.Pending, Processing: true, Reason: "not \xff UTF-8"}
	r := prometheus.NewRegistry()
	r.MustRegister(NewCollector(listed{*ch}))
	families, err := r.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "certmanager_certificate_challenge_status" || len(families[0].GetMetric()) != 8 {
		t.Fatalf("%v, %v", families, err)
	}
	for _, m := range families[0].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if (m.GetGauge().GetValue() == 1) != (labels["status"] == "pending") || labels["processing"] != "true" || labels["domain"] != "a.test" || !strings.HasPrefix(labels["reason"], "not ") {
			t.Errorf("%v is %v", labels, m.GetGauge().GetValue())
		}
	}
	r = prometheus.NewRegistry()
	r.MustRegister(NewCollector(make(listed, 5000)))
	if families, err = r.Gather(); err == nil && len(families[0].GetMetric()) > maxSeries {
		t.Errorf("%d series", len(families[0].GetMetric()))
	}
}
