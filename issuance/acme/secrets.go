package acme

import (
	"slices"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
)

// accountKey is the entry that holds the account's private key.
func accountKey(spec *acmev1.ACMEIssuer) cmmeta.SecretKeySelector {
	ref := spec.PrivateKeySecretRef
	if ref.Key == "" {
		ref.Key = cmmeta.TLSPrivateKeyKey
	}
	return ref
}

// secretNames lists the Secrets that spec refers to.
func secretNames(spec *acmev1.ACMEIssuer) []string {
	if spec == nil {
		return nil
	}
	names := []string{spec.PrivateKeySecretRef.Name}
	if spec.ExternalAccountBinding != nil {
		names = append(names, spec.ExternalAccountBinding.KeySecretRef.Name)
	}
	for _, ref := range solverSecrets(spec.Solvers) {
		names = append(names, ref.Name)
	}
	names = slices.DeleteFunc(names, func(s string) bool { return s == "" })
	slices.Sort(names)
	return slices.Compact(names)
}

// solverSecrets lists the entries of Secrets that solvers need.
func solverSecrets(solvers []acmev1.ACMEChallengeSolver) []cmmeta.SecretKeySelector {
	var refs []cmmeta.SecretKeySelector
	add := func(ref *cmmeta.SecretKeySelector) {
		if ref != nil && ref.Name != "" && !slices.Contains(refs, *ref) {
			refs = append(refs, *ref)
		}
	}
	for i := range solvers {
		d := solvers[i].DNS01
		if d == nil {
			continue
		}
		if p := d.Akamai; p != nil {
			add(&p.ClientToken)
			add(&p.ClientSecret)
			add(&p.AccessToken)
		}
		if p := d.CloudDNS; p != nil {
			add(p.ServiceAccount)
		}
		if p := d.Cloudflare; p != nil {
			add(p.APIKey)
			add(p.APIToken)
		}
		if p := d.Route53; p != nil {
			add(p.SecretAccessKeyID)
			add(&p.SecretAccessKey)
		}
		if p := d.AzureDNS; p != nil {
			add(p.ClientSecret)
		}
		if p := d.DigitalOcean; p != nil {
			add(&p.Token)
		}
		if p := d.AcmeDNS; p != nil {
			add(&p.AccountSecret)
		}
		if p := d.RFC2136; p != nil {
			add(&p.TSIGSecret)
		}
	}
	return refs
}
