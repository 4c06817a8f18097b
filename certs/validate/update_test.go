package validate_test

import (
	"strings"
	"testing"

	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/test/examples"
)

func TestCertificateUpdate(t *testing.T) {
	tests := map[string]struct {
		old, new string
		want     []string
	}{
		"row 84: every field may be changed": {
			old: `{}`, new: `{secretName: other, issuerRef: {name: j}, privateKey: {algorithm: ECDSA}}`,
		},
		"row 85: what was wrong before is no reason to refuse": {
			old: `{secretName: My_Secret, dnsNames: ["not a name"]}`, new: `{secretName: My_Secret, dnsNames: ["not a name"], duration: 24h}`,
		},
		"a wrong value that becomes another wrong value is refused": {
			old: `{privateKey: {size: 1024}}`, new: `{privateKey: {size: 1000}}`,
			want: []string{"Invalid spec.privateKey.size"},
		},
		"two long values that begin alike are not the same": {
			old: `{secretName: ` + strings.Repeat("A", 150) + `}`, new: `{secretName: ` + strings.Repeat("A", 151) + `}`,
			want: []string{"Invalid spec.secretName"},
		},
		"a long common name that becomes another one is refused": {
			old: `{commonName: ` + strings.Repeat("a", 65) + `}`, new: `{commonName: ` + strings.Repeat("b", 65) + `}`,
			want: []string{"TooLong spec.commonName"},
		},
		"a bad name may be moved in the list": {
			old: `{dnsNames: ["not a name", a.example]}`, new: `{dnsNames: [b.example, a.example, "not a name"]}`,
		},
		"a second bad name is refused, and only it": {
			old: `{dnsNames: ["not a name"]}`, new: `{dnsNames: ["not a name", "nor this"]}`,
			want: []string{"Invalid spec.dnsNames[1]"},
		},
		"a bad name may not be repeated": {
			old: `{dnsNames: ["not a name"]}`, new: `{dnsNames: ["not a name", "not a name"]}`,
			want: []string{"Invalid spec.dnsNames[1]"},
		},
		"an unchanged percentage that is too small stays": {
			old: `{duration: 1h, renewBeforePercentage: 5}`, new: `{duration: 1h, renewBeforePercentage: 5, isCA: true}`,
		},
		"a new percentage that is too small is refused": {
			old: `{duration: 1h}`, new: `{duration: 1h, renewBeforePercentage: 5}`,
			want: []string{"Invalid spec.renewBeforePercentage"},
		},
		"row 69: an unchanged window that never opens stays": {
			old: `{` + examples.Window(`cron: "@daily", windowDuration: 0s`) + `}`, new: `{` + examples.Window(`cron: "@daily", windowDuration: 0s`) + `, isCA: true}`,
		},
		"row 69: it is refused once spec.renewal changes": {
			old: `{` + examples.Window(`cron: "@daily", windowDuration: 0s`) + `}`, new: `{` + examples.Window(`cron: "@hourly", windowDuration: 0s`) + `}`,
			want: []string{"Required spec.renewal.windows[0].windowDuration"},
		},
		"who mends one mistake may leave another": {
			old: `{secretName: My_Secret, revisionHistoryLimit: 0, dnsNames: ["not a name"]}`, new: `{secretName: s, revisionHistoryLimit: 0, dnsNames: ["not a name"]}`,
		},
		"who mends one mistake may not make another": {
			old: `{secretName: My_Secret, revisionHistoryLimit: 0}`, new: `{secretName: s, revisionHistoryLimit: -1}`,
			want: []string{"Invalid spec.revisionHistoryLimit"},
		},
		"a mistake that comes from two fields is judged again when either changes": {
			old: `{duration: 2h, renewBefore: 3h}`, new: `{duration: 3h, renewBefore: 3h}`,
			want: []string{"Invalid spec.renewBefore"},
		},
		"bad usages and names of other kinds may be moved, too": {
			old: `{usages: [serverAuth, client auth], otherNames: [{oid: 1.x, utf8Value: v}, {oid: 1.2.3, utf8Value: v}]}`,
			new: `{usages: [client auth, serverAuth], otherNames: [{oid: 1.2.3, utf8Value: v}, {oid: 1.x, utf8Value: v}]}`,
		},
		"an absent field and a null one are the same": {
			old: `{secretName: My_Secret, usages: []}`, new: `{secretName: My_Secret, usages: null}`,
		},
		"a field that is taken away is refused": {
			old: `{}`, new: `{issuerRef: {}, dnsNames: null}`,
			want: []string{"Required spec.issuerRef.name", "Invalid spec"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, new := certificate(t, tt.old), certificate(t, tt.new)
			before := old.DeepCopy()
			expect(t, validate.CertificateUpdate(old, new), tt.want...)
			expect(t, validate.CertificateUpdate(new, new))
			if old.Spec.Renewal == nil != (before.Spec.Renewal == nil) {
				t.Error("the old object was changed")
			}
		})
	}
}

func TestEveryRefusedCertificateMayStay(t *testing.T) {
	for _, e := range examples.Certificates {
		if e.Unreadable {
			continue
		}
		crt := certificate(t, "{"+e.Change+"}")
		renamed := crt.DeepCopy()
		renamed.Labels = map[string]string{"a": "b"}
		if errs := validate.CertificateUpdate(crt, renamed); len(errs) > 0 {
			t.Errorf("row %d: a label cannot be added: %v", e.Row, errs)
		}
	}
}
