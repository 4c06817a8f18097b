package shim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

func TestFares(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	condition := func(kind certsv1.CertificateConditionType, status cmmeta.ConditionStatus, reason, message string, age time.Duration) func(*certsv1.Certificate) {
		return func(crt *certsv1.Certificate) {
			crt.Status.SetCondition(certsv1.CertificateCondition{Type: kind, Status: status, Reason: reason, Message: message}, metav1.NewTime(noon.Add(-age)))
		}
	}
	ready := condition("Ready", "True", "Ready", "Certificate is up to date and has not expired", time.Hour)
	long := strings.Repeat("cause of the cause: ", 80) + "no such zone"
	tests := map[string]struct {
		changes []func(*certsv1.Certificate)
		want    *shim.Fare
		again   time.Duration // from noon; 0: never
	}{
		"nothing is known of a new one": {want: &shim.Fare{Certificate: "t"}},
		"one that is ready is well": {
			changes: []func(*certsv1.Certificate){ready}, want: &shim.Fare{Certificate: "t", Well: true},
		},
		"a failure is told at once": {
			changes: []func(*certsv1.Certificate){condition("Issuing", "False", "Failed", "no such zone", 0)},
			want:    &shim.Fare{Certificate: "t", Trouble: &shim.Problem{Reason: "CertificateFailed", Message: `Certificate "t": Failed: no such zone`}},
		},
		"so is one of a renewal, though the old one is still good": {
			changes: []func(*certsv1.Certificate){ready, condition("Issuing", "False", "Denied", "not now", 0)},
			want:    &shim.Fare{Certificate: "t", Trouble: &shim.Problem{Reason: "CertificateFailed", Message: `Certificate "t": Denied: not now`}},
		},
		"what upstream writes after an issuance is no failure": {
			changes: []func(*certsv1.Certificate){ready, condition("Issuing", "False", "Issued", "The certificate has been successfully issued", 0)},
			want:    &shim.Fare{Certificate: "t", Well: true},
		},
		"one that has just begun to wait is given time": {
			changes: []func(*certsv1.Certificate){condition("Issuing", "True", "DoesNotExist", "no issuer", time.Second)},
			want:    &shim.Fare{Certificate: "t"}, again: 19 * time.Second,
		},
		"after that it is told what for": {
			changes: []func(*certsv1.Certificate){condition("Issuing", "True", "DoesNotExist", "no issuer", 20*time.Second)},
			want:    &shim.Fare{Certificate: "t", Trouble: &shim.Problem{Reason: "CertificatePending", Message: `Certificate "t" waits: no issuer`}},
		},
		"one that is kept from its Secret is told why": {
			changes: []func(*certsv1.Certificate){condition("Ready", "False", "IncorrectCertificate", "the Secret is another's", time.Minute)},
			want:    &shim.Fare{Certificate: "t", Trouble: &shim.Problem{Reason: "CertificatePending", Message: `Certificate "t" waits: the Secret is another's`}},
		},
		"of a long chain the end is told": {
			changes: []func(*certsv1.Certificate){condition("Issuing", "False", "Failed", long, 0)},
			want: &shim.Fare{Certificate: "t", Trouble: &shim.Problem{
				Reason: "CertificateFailed", Message: `Certificate "t": Failed: …` + long[len(long)-724:],
			}},
		},
		"that of another Ingress is not told": {
			changes: []func(*certsv1.Certificate){ownedBy("other", "uid-other"), condition("Issuing", "False", "Failed", "no such zone", 0)},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want []shim.Fare
			if tt.want != nil {
				want = append(want, *tt.want)
			}
			got, again := shim.Fares(shim.FromIngress(app(nil)), crts(certificate("t", nil, tt.changes...)), noon)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Fares() (-want +got):\n%s", diff)
			}
			if (tt.again == 0) != again.IsZero() || (tt.again != 0 && again != noon.Add(tt.again)) {
				t.Errorf("again at %v, want noon and %v", again, tt.again)
			}
		})
	}
}

func TestCause(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ a, b string }{
		"another Order": {"order t-1-1945293431: no", "order t-1-327911383: no"},
		"another token": {"GET 'http://a.ex/.well-known/acme-challenge/XimQzC19RW0N4mVOEWER--qzAyE_4JnbaUEfAndPlag': no", "GET 'http://a.ex/.well-known/acme-challenge/9AaQzC19RW0N4mVOEWER--qzAyE_4JnbaUEfAndPlag': no"},
	} {
		if shim.Cause(tt.a) != shim.Cause(tt.b) {
			t.Errorf("%s is another cause", name)
		}
	}
	for name, tt := range map[string]struct{ a, b string }{
		"another answer": {"status 404", "status 503"},
		"a long name":    {"challenge for a-very-long-name-of-a-host-1.ex", "challenge for a-very-long-name-of-a-host-2.ex"},
		"another name":   {"challenge for a.ex", "challenge for b.ex"},
		"another port":   {"dial :8080", "dial :8089"},
	} {
		if shim.Cause(tt.a) == shim.Cause(tt.b) {
			t.Errorf("%s is the same cause", name)
		}
	}
}
