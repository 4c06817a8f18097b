package validate_test

import (
	"encoding/pem"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/certs/validate"
	"github.com/certwright/certwright/test/examples"
)

func certificateRequest(request []byte, change func(*certsv1.CertificateRequest)) *certsv1.CertificateRequest {
	cr := &certsv1.CertificateRequest{Spec: certsv1.CertificateRequestSpec{
		IssuerRef: cmmeta.IssuerReference{Name: "i"}, Request: request,
		Username: "bob", UID: "1", Groups: []string{"dev", "ops"}, Extra: map[string][]string{"scopes": {"a", "b"}},
	}}
	if change != nil {
		change(cr)
	}
	return cr
}

func TestCertificateRequest(t *testing.T) {
	for _, e := range examples.Requests() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			expect(t, validate.CertificateRequest(&certsv1.CertificateRequest{Spec: e.Spec}), e.Errors...)
		})
	}
	t.Run("a decision that is none is refused on create too", func(t *testing.T) {
		t.Parallel()
		cr := certificateRequest(examples.SigningRequest(nil), func(cr *certsv1.CertificateRequest) {
			cr.Status.Conditions = []certsv1.CertificateRequestCondition{{Type: "Denied", Status: "False"}}
		})
		expect(t, validate.CertificateRequest(cr), "Invalid status.conditions.Denied")
	})
}

func TestAPrivateKeyPastedAsRequestIsNotRepeated(t *testing.T) {
	key, err := certs.EncodeKey(examples.Key(), certsv1.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(key)
	for name, request := range map[string][]byte{
		"a key as PEM":                 key,
		"a key after a request":        append(examples.SigningRequest(nil), key...),
		"a key without PEM":            block.Bytes,
		"a key with a misleading name": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: block.Bytes}),
		"a key cut short":              key[:len(key)-20],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			errs := validate.CertificateRequest(certificateRequest(request, nil))
			expect(t, errs, "Invalid spec.request")
			text := errs.ToAggregate().Error()
			for line := range strings.Lines(string(key)) {
				line = strings.TrimSpace(line)
				if !strings.HasPrefix(line, "-----") && strings.Contains(text, line[:20]) {
					t.Errorf("the error repeats the key: %s", text)
				}
			}
			if strings.Contains(text, string(block.Bytes[16:32])) {
				t.Errorf("the error repeats the key: %q", text)
			}
		})
	}
}

func decided(t certsv1.CertificateRequestConditionType, status cmmeta.ConditionStatus) certsv1.CertificateRequestCondition {
	when := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return certsv1.CertificateRequestCondition{Type: t, Status: status, Reason: "r", Message: "m", LastTransitionTime: &when}
}

func TestCertificateRequestUpdate(t *testing.T) {
	request := examples.SigningRequest(nil)
	approved, denied := decided("Approved", "True"), decided("Denied", "True")
	conditions := func(c ...certsv1.CertificateRequestCondition) func(*certsv1.CertificateRequest) {
		return func(cr *certsv1.CertificateRequest) { cr.Status.Conditions = c }
	}
	annotated := func(a map[string]string) func(*certsv1.CertificateRequest) {
		return func(cr *certsv1.CertificateRequest) { cr.Annotations = a }
	}
	with := func(c certsv1.CertificateRequestCondition, change func(*certsv1.CertificateRequestCondition)) certsv1.CertificateRequestCondition {
		change(&c)
		return c
	}
	tests := map[string]struct {
		old, new func(*certsv1.CertificateRequest)
		want     []string
	}{
		"nothing changes": {},
		"row 96: the spec is immutable": {
			new:  func(cr *certsv1.CertificateRequest) { cr.Spec.Duration = &metav1.Duration{Duration: time.Hour} },
			want: []string{"Forbidden spec"},
		},
		"what was wrong with the spec is no longer judged": {
			old: func(cr *certsv1.CertificateRequest) { cr.Spec.Request = []byte("noise") },
			new: func(cr *certsv1.CertificateRequest) {
				cr.Spec.Request = []byte("noise")
				cr.Labels = map[string]string{"a": "b"}
			},
		},
		"an absent list and an empty one are the same": {
			new: func(cr *certsv1.CertificateRequest) { cr.Spec.Usages = []certsv1.KeyUsage{} },
		},
		"groups in another order are another spec, but nobody else": {
			new:  func(cr *certsv1.CertificateRequest) { cr.Spec.Groups = []string{"ops", "dev"} },
			want: []string{"Forbidden spec"},
		},
		"each part of the identity is named": {
			new: func(cr *certsv1.CertificateRequest) {
				cr.Spec.Username, cr.Spec.UID, cr.Spec.Groups = "eve", "2", []string{"dev"}
				cr.Spec.Extra = map[string][]string{"scopes": {"a"}}
			},
			want: []string{"Forbidden spec", "Forbidden spec.uid", "Forbidden spec.username", "Forbidden spec.groups", "Forbidden spec.extra"},
		},
		"row 97: our annotations cannot be added": {
			new:  annotated(map[string]string{"cert-manager.io/foo": "x", "acme.cert-manager.io/bar": "", "cert-manager.io": "without a slash"}),
			want: []string{"Forbidden metadata.annotations.acme.cert-manager.io/bar", "Forbidden metadata.annotations.cert-manager.io", "Forbidden metadata.annotations.cert-manager.io/foo"},
		},
		"nor changed and removed": {
			old:  annotated(map[string]string{"cert-manager.io/foo": "x", "cert-manager.io/bar": "x", "cert-manager.io/same": "x"}),
			new:  annotated(map[string]string{"cert-manager.io/foo": "y", "cert-manager.io/same": "x"}),
			want: []string{"Forbidden metadata.annotations.cert-manager.io/bar", "Forbidden metadata.annotations.cert-manager.io/foo"},
		},
		"row 98: other annotations, labels, owners and finalizers are free": {
			old: annotated(map[string]string{"venafi.cert-manager.io/pickup-id": "1", "a": "b"}),
			new: func(cr *certsv1.CertificateRequest) {
				cr.Annotations = map[string]string{"venafi.cert-manager.io/pickup-id": "2"}
				cr.Labels = map[string]string{"cert-manager.io/foo": "x"}
				cr.Finalizers = []string{"example.com/x"}
				cr.OwnerReferences = []metav1.OwnerReference{{Name: "x"}}
			},
		},
		"it can be approved":                            {new: conditions(approved)},
		"it can be denied":                              {new: conditions(denied)},
		"row 102: an approval cannot be False":          {new: conditions(decided("Approved", "False")), want: []string{"Invalid status.conditions.Approved"}},
		"a denial cannot be Unknown":                    {new: conditions(decided("Denied", "Unknown")), want: []string{"Invalid status.conditions.Denied"}},
		"row 103: an approved request cannot be denied": {old: conditions(approved), new: conditions(approved, denied), want: []string{"Forbidden status.conditions"}},
		"an approval cannot become a denial":            {old: conditions(approved), new: conditions(denied), want: []string{"Forbidden status.conditions"}},
		"it cannot be approved twice":                   {new: conditions(approved, approved), want: []string{"Forbidden status.conditions"}},
		"row 104: the message of an approval is fixed": {
			old:  conditions(approved),
			new:  conditions(with(approved, func(c *certsv1.CertificateRequestCondition) { c.Message = "other" })),
			want: []string{"Forbidden status.conditions"},
		},
		"so is its time": {
			old:  conditions(approved),
			new:  conditions(with(approved, func(c *certsv1.CertificateRequestCondition) { c.LastTransitionTime = nil })),
			want: []string{"Forbidden status.conditions"},
		},
		"an approval cannot be taken back": {old: conditions(approved), want: []string{"Forbidden status.conditions"}},
		"a denial cannot become false": {
			old: conditions(denied), new: conditions(decided("Denied", "False")),
			want: []string{"Forbidden status.conditions", "Invalid status.conditions.Denied"},
		},
		"both at once, and neither True": {
			new:  conditions(decided("Approved", "False"), decided("Denied", "False")),
			want: []string{"Invalid status.conditions.Approved", "Invalid status.conditions.Denied", "Forbidden status.conditions"},
		},
		"the same time in another zone is the same": {
			old: conditions(approved),
			new: conditions(with(approved, func(c *certsv1.CertificateRequestCondition) {
				when := metav1.NewTime(c.LastTransitionTime.In(time.FixedZone("x", 3600)))
				c.LastTransitionTime = &when
			})),
		},
		"row 105: other conditions come and go": {
			old: conditions(approved, decided("Ready", "False")),
			new: conditions(decided("Ready", "True"), decided("InvalidRequest", "True"), approved),
		},
		"a contradiction that was stored before does not block": {
			old: conditions(approved, denied), new: conditions(approved, denied, decided("Ready", "False")),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, validate.CertificateRequestUpdate(certificateRequest(request, tt.old), certificateRequest(request, tt.new)), tt.want...)
		})
	}
}

func TestApprovalAdded(t *testing.T) {
	at := func(types ...certsv1.CertificateRequestConditionType) *certsv1.CertificateRequest {
		cr := &certsv1.CertificateRequest{}
		for _, t := range types {
			cr.Status.Conditions = append(cr.Status.Conditions, decided(t, "True"))
		}
		return cr
	}
	tests := map[string]struct {
		old, new *certsv1.CertificateRequest
		want     bool
	}{
		"row 99: an approval":                           {at(), at("Approved"), true},
		"row 101: a denial":                             {at("Ready"), at("Ready", "Denied"), true},
		"row 105: a certificate":                        {at("Approved"), at("Approved", "Ready"), false},
		"an approval that was there":                    {at("Approved"), at("Approved"), false},
		"a denial beside an approval":                   {at("Approved"), at("Approved", "Denied"), true},
		"an approval taken back, which is refused else": {at("Approved"), at(), false},
		"without an old object":                         {nil, at("Approved"), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := validate.ApprovalAdded(tt.old, tt.new); got != tt.want {
				t.Errorf("ApprovalAdded() = %t", got)
			}
		})
	}
}

func TestRequester(t *testing.T) {
	bob := authenticationv1.UserInfo{Username: "bob", UID: "1", Groups: []string{"ops", "dev"}, Extra: map[string]authenticationv1.ExtraValue{"scopes": {"b", "a"}}}
	tests := map[string]struct {
		user   authenticationv1.UserInfo
		change func(*certsv1.CertificateRequest)
		want   []string
	}{
		"the order of groups and extras has no meaning": {user: bob},
		"row 95: what was not filled in is refused": {
			user: bob,
			change: func(cr *certsv1.CertificateRequest) {
				cr.Spec.Username, cr.Spec.UID, cr.Spec.Groups, cr.Spec.Extra = "", "", nil, nil
			},
			want: []string{"Forbidden spec.uid", "Forbidden spec.username", "Forbidden spec.groups", "Forbidden spec.extra"},
		},
		"somebody else is refused":     {user: bob, change: func(cr *certsv1.CertificateRequest) { cr.Spec.Username = "admin" }, want: []string{"Forbidden spec.username"}},
		"a group too many is refused":  {user: bob, change: func(cr *certsv1.CertificateRequest) { cr.Spec.Groups = []string{"dev", "ops", "ops"} }, want: []string{"Forbidden spec.groups"}},
		"another extra is refused":     {user: bob, change: func(cr *certsv1.CertificateRequest) { cr.Spec.Extra["scopes"][0] = "c" }, want: []string{"Forbidden spec.extra"}},
		"an extra that the user lacks": {user: bob, change: func(cr *certsv1.CertificateRequest) { cr.Spec.Extra["x"] = nil }, want: []string{"Forbidden spec.extra"}},
		"a user without attributes": {
			user: authenticationv1.UserInfo{Username: "bob"},
			change: func(cr *certsv1.CertificateRequest) {
				cr.Spec.UID, cr.Spec.Groups, cr.Spec.Extra = "", []string{}, nil
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, validate.Requester(certificateRequest(nil, tt.change), tt.user), tt.want...)
		})
	}
}
