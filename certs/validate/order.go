package validate

import (
	"bytes"

	"k8s.io/apimachinery/pkg/util/validation/field"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

const immutableOnceSet = "field is immutable once set; delete the Order, a new one is made"

// OrderUpdate returns what is wrong with the change from old to new: what the
// ACME server said once does not change.
func OrderUpdate(old, new *acmev1.Order) field.ErrorList {
	var errs field.ErrorList
	keep := func(path *field.Path, kept bool) {
		if !kept {
			errs = append(errs, field.Forbidden(path, immutableOnceSet))
		}
	}
	keep(specPath.Child("request"), keptBytes(old.Spec.Request, new.Spec.Request))

	status := field.NewPath("status")
	keep(status.Child("url"), kept(old.Status.URL, new.Status.URL))
	keep(status.Child("finalizeURL"), kept(old.Status.FinalizeURL, new.Status.FinalizeURL))
	keep(status.Child("certificate"), keptBytes(old.Status.Certificate, new.Status.Certificate))

	before, after := old.Status.Authorizations, new.Status.Authorizations
	if len(before) == 0 {
		return errs
	}
	keep(status.Child("authorizations"), len(before) == len(after))
	for i := range min(len(before), len(after)) {
		errs = append(errs, authorizationUpdate(&before[i], &after[i], status.Child("authorizations").Index(i))...)
	}
	return errs
}

func authorizationUpdate(old, new *acmev1.ACMEAuthorization, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	keep := func(path *field.Path, kept bool) {
		if !kept {
			errs = append(errs, field.Forbidden(path, immutableOnceSet))
		}
	}
	keep(path.Child("url"), kept(old.URL, new.URL))
	keep(path.Child("identifier"), kept(old.Identifier, new.Identifier))
	keep(path.Child("wildcard"), old.Wildcard == nil || (new.Wildcard != nil && *old.Wildcard == *new.Wildcard))
	keep(path.Child("initialState"), kept(old.InitialState, new.InitialState))
	if len(old.Challenges) == 0 {
		return errs
	}
	challenges := path.Child("challenges")
	keep(challenges, len(old.Challenges) == len(new.Challenges))
	for i := range min(len(old.Challenges), len(new.Challenges)) {
		before, after := old.Challenges[i], new.Challenges[i]
		keep(challenges.Index(i).Child("url"), kept(before.URL, after.URL))
		keep(challenges.Index(i).Child("type"), kept(before.Type, after.Type))
		keep(challenges.Index(i).Child("token"), kept(before.Token, after.Token))
	}
	return errs
}

// kept reports whether a field that was set is the same.
func kept[T comparable](old, new T) bool {
	var unset T
	return old == unset || old == new
}

func keptBytes(old, new []byte) bool { return len(old) == 0 || bytes.Equal(old, new) }
