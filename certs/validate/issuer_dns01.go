package validate

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
)

func dns01(d *acmev1.ACMEChallengeSolverDNS01, path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("cnameStrategy"), d.CNAMEStrategy, acmev1.CNAMEStrategyNone, acmev1.CNAMEStrategyFollow)
	for i, server := range d.Nameservers {
		if !validNameserver(server) {
			errs = append(errs, field.Invalid(path.Child("nameservers").Index(i), server, "must be host:port, for example 8.8.8.8:53, or a URL of DNS over HTTPS such as https://dns.example.com/dns-query"))
		}
	}
	var set []string
	for _, p := range []struct {
		name  string
		set   bool
		rules func(path *field.Path) field.ErrorList
	}{
		{"akamai", d.Akamai != nil, func(path *field.Path) field.ErrorList { return akamai(d.Akamai, path) }},
		{"cloudDNS", d.CloudDNS != nil, func(path *field.Path) field.ErrorList { return cloudDNS(d.CloudDNS, path) }},
		{"cloudflare", d.Cloudflare != nil, func(path *field.Path) field.ErrorList { return cloudflare(d.Cloudflare, path) }},
		{"route53", d.Route53 != nil, func(path *field.Path) field.ErrorList { return route53(d.Route53, path) }},
		{"azureDNS", d.AzureDNS != nil, func(path *field.Path) field.ErrorList { return azureDNS(d.AzureDNS, path) }},
		{"digitalocean", d.DigitalOcean != nil, func(path *field.Path) field.ErrorList { return digitalOcean(d.DigitalOcean, path) }},
		{"acmeDNS", d.AcmeDNS != nil, func(path *field.Path) field.ErrorList { return acmeDNS(d.AcmeDNS, path) }},
		{"rfc2136", d.RFC2136 != nil, func(path *field.Path) field.ErrorList { return rfc2136(d.RFC2136, path) }},
		{"webhook", d.Webhook != nil, func(path *field.Path) field.ErrorList { return dnsWebhook(d.Webhook, path) }},
	} {
		if p.set {
			set = append(set, p.name)
			errs = append(errs, p.rules(path.Child(p.name))...)
		}
	}
	if len(set) == 0 {
		errs = append(errs, field.Required(path, "no DNS01 provider configured; set one, for example rfc2136, route53 or webhook"))
	}
	if len(set) > 1 {
		for _, name := range set {
			errs = append(errs, field.Forbidden(path.Child(name), "may not specify more than one provider type; keep one of "+strings.Join(set, ", ")))
		}
	}
	return errs
}

func akamai(p *acmev1.ACMEIssuerDNS01ProviderAkamai, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.ServiceConsumerDomain == "" {
		errs = append(errs, field.Required(path.Child("serviceConsumerDomain"), "set the host of the API"))
	}
	// The paths without SecretRef are cert-manager's spelling.
	errs = append(errs, secretKey(p.ClientToken, path.Child("clientToken"))...)
	errs = append(errs, secretKey(p.ClientSecret, path.Child("clientSecret"))...)
	return append(errs, secretKey(p.AccessToken, path.Child("accessToken"))...)
}

func cloudDNS(p *acmev1.ACMEIssuerDNS01ProviderCloudDNS, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.Project == "" {
		errs = append(errs, field.Required(path.Child("project"), "set the project that the zone is in"))
	}
	if p.ServiceAccount != nil {
		errs = append(errs, secretKey(*p.ServiceAccount, path.Child("serviceAccountSecretRef"))...)
	}
	return errs
}

func cloudflare(p *acmev1.ACMEIssuerDNS01ProviderCloudflare, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case p.APIKey == nil && p.APIToken == nil:
		errs = append(errs, field.Required(path, "set apiTokenSecretRef, or apiKeySecretRef and email"))
	case p.APIKey != nil && p.APIToken != nil:
		errs = append(errs, field.Forbidden(path, "may not have both apiKeySecretRef and apiTokenSecretRef; keep apiTokenSecretRef"))
	}
	if p.APIKey != nil {
		errs = append(errs, secretKey(*p.APIKey, path.Child("apiKeySecretRef"))...)
		if p.Email == "" {
			errs = append(errs, field.Required(path.Child("email"), "set the account that apiKeySecretRef belongs to, or use apiTokenSecretRef"))
		}
	}
	if p.APIToken != nil {
		errs = append(errs, secretKey(*p.APIToken, path.Child("apiTokenSecretRef"))...)
	}
	return errs
}

// route53 leaves open where the credentials come from: the surroundings may
// have some. IssuerWarnings speaks of halves.
func route53(p *acmev1.ACMEIssuerDNS01ProviderRoute53, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.AccessKeyID != "" && p.SecretAccessKeyID != nil {
		errs = append(errs, field.Forbidden(path, "may not have both accessKeyID and accessKeyIDSecretRef; keep one of them"))
	}
	if p.SecretAccessKeyID != nil {
		errs = append(errs, secretKey(*p.SecretAccessKeyID, path.Child("accessKeyIDSecretRef"))...)
	}
	return errs
}

func azureDNS(p *acmev1.ACMEIssuerDNS01ProviderAzureDNS, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.ClientID != "" || p.TenantID != "" || p.ClientSecret != nil {
		const detail = "belongs to a service principal, of which clientID, tenantID and clientSecretSecretRef are set together"
		if p.ClientID == "" {
			errs = append(errs, field.Required(path.Child("clientID"), detail))
		}
		if p.TenantID == "" {
			errs = append(errs, field.Required(path.Child("tenantID"), detail))
		}
		if p.ClientSecret == nil {
			errs = append(errs, field.Required(path.Child("clientSecretSecretRef"), detail))
		} else {
			errs = append(errs, secretKey(*p.ClientSecret, path.Child("clientSecretSecretRef"))...)
		}
		if p.ManagedIdentity != nil {
			errs = append(errs, field.Forbidden(path.Child("managedIdentity"), "may not be set together with clientID, tenantID and clientSecretSecretRef; keep one kind of identity"))
		}
	}
	if id := p.ManagedIdentity; id != nil {
		identity := path.Child("managedIdentity")
		if id.ClientID != "" && id.ResourceID != "" {
			errs = append(errs, field.Forbidden(identity, "may not have both clientID and resourceID; keep one of them"))
		}
		if id.TenantID != "" && id.ResourceID != "" {
			errs = append(errs, field.Forbidden(identity, "may not have both tenantID and resourceID; take tenantID out"))
		}
		if id.TenantID != "" && id.ClientID == "" && id.ResourceID == "" {
			errs = append(errs, field.Forbidden(identity, "may not have a tenantID without a clientID; set clientID too"))
		}
	}
	if p.SubscriptionID == "" {
		errs = append(errs, field.Required(path.Child("subscriptionID"), "set the subscription that the zone is in"))
	}
	if p.ResourceGroupName == "" {
		errs = append(errs, field.Required(path.Child("resourceGroupName"), "set the resource group that the zone is in"))
	}
	errs = append(errs, oneOf(path.Child("environment"), p.Environment, "AzurePublicCloud", "AzureChinaCloud", "AzureGermanCloud", "AzureUSGovernmentCloud")...)
	return append(errs, oneOf(path.Child("zoneType"), p.ZoneType, "AzurePublicZone", "AzurePrivateZone")...)
}

func digitalOcean(p *acmev1.ACMEIssuerDNS01ProviderDigitalOcean, path *field.Path) field.ErrorList {
	return secretKey(p.Token, path.Child("tokenSecretRef"))
}

func acmeDNS(p *acmev1.ACMEIssuerDNS01ProviderAcmeDNS, path *field.Path) field.ErrorList {
	errs := secretKey(p.AccountSecret, path.Child("accountSecretRef"))
	if p.Host == "" {
		errs = append(errs, field.Required(path.Child("host"), "set the URL of the acme-dns server"))
	}
	return errs
}

func rfc2136(p *acmev1.ACMEIssuerDNS01ProviderRFC2136, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.Nameserver == "" {
		errs = append(errs, field.Required(path.Child("nameserver"), "set the server that takes the updates, for example 192.0.2.53:53"))
	} else if !validUpdateServer(p.Nameserver) {
		errs = append(errs, field.Invalid(path.Child("nameserver"), p.Nameserver, "must be host or host:port, an IPv6 address in brackets, for example 192.0.2.53:53 or [2001:db8::53]"))
	}
	if p.TSIGAlgorithm != "" && !validTSIGAlgorithm(p.TSIGAlgorithm) {
		errs = append(errs, field.NotSupported(path.Child("tsigAlgorithm"), p.TSIGAlgorithm, tsigAlgorithms()))
	}
	key := p.TSIGSecret
	if p.TSIGKeyName != "" {
		errs = append(errs, secretKey(key, path.Child("tsigSecretSecretRef"))...)
	} else if key.Name != "" || key.Key != "" {
		errs = append(errs, field.Required(path.Child("tsigKeyName"), "set the name of the key in tsigSecretSecretRef"))
	}
	return append(errs, oneOf(path.Child("protocol"), p.Protocol, "TCP", "UDP")...)
}

func tsigAlgorithms() []string {
	return []string{"HMACMD5", "HMACSHA1", "HMACSHA256", "HMACSHA512"}
}

func validTSIGAlgorithm(name string) bool {
	for _, known := range tsigAlgorithms() {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}

func dnsWebhook(p *acmev1.ACMEIssuerDNS01ProviderWebhook, path *field.Path) field.ErrorList {
	if p.SolverName == "" {
		return field.ErrorList{field.Required(path.Child("solverName"), "set the name of the solver in "+quotedOr(p.GroupName, "its group"))}
	}
	return nil
}

func quotedOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return fmt.Sprintf("%.100q", s)
}

// validNameserver accepts host:port, and https URLs.
func validNameserver(s string) bool {
	if strings.HasPrefix(s, "https://") {
		u, err := url.Parse(s)
		return err == nil && u.Hostname() != ""
	}
	return validHostPort(s)
}

// validUpdateServer accepts host:port and host; an IPv6 address is in brackets.
func validUpdateServer(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		address, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return err == nil && address.Is6()
	}
	if strings.Contains(s, ":") {
		return validHostPort(s)
	}
	return validHost(s)
}

func validHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || !validHost(host) {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// validHost is generous: whether the name exists is found out by asking it.
func validHost(s string) bool { return s != "" && !strings.ContainsAny(s, " \t\r\n/[]") }
