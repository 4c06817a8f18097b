package certs

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Identifiers of the extensions (RFC 5280 section 4.2.1).
var (
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidSubjectAltName   = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidNameConstraints  = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
)

// Tags of a GeneralName (RFC 5280 section 4.2.1.6).
const (
	tagOtherName = 0
	tagEmail     = 1
	tagDNS       = 2
	tagURI       = 6
	tagIP        = 7
)

// An EncodeError says that a field cannot be written into a certificate.
type EncodeError struct {
	// Path of the field, for example spec.dnsNames[0].
	Path string
	Err  error
}

func (e *EncodeError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *EncodeError) Unwrap() error { return e.Err }

// otherName is the ASN.1 form of a GeneralName's otherName.
type otherName struct {
	TypeID asn1.ObjectIdentifier
	Value  string `asn1:"tag:0,explicit,utf8"`
}

// subjectAltName returns the value of the extension with all names of spec, or
// nil if there are none. The order is DNS, e-mail, IP, URI, otherName.
func subjectAltName(spec *certsv1.CertificateSpec) ([]byte, error) {
	var names []asn1.RawValue
	add := func(tag int, value []byte) {
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: value})
	}
	for i, name := range spec.DNSNames {
		if err := ia5(name); err != nil {
			return nil, &EncodeError{fmt.Sprintf("spec.dnsNames[%d]", i), err}
		}
		add(tagDNS, []byte(name))
	}
	for i, address := range spec.EmailAddresses {
		if err := ia5(address); err != nil {
			return nil, &EncodeError{fmt.Sprintf("spec.emailAddresses[%d]", i), err}
		}
		add(tagEmail, []byte(address))
	}
	for i, address := range spec.IPAddresses {
		ip := net.ParseIP(address)
		if ip == nil {
			return nil, &EncodeError{fmt.Sprintf("spec.ipAddresses[%d]", i), fmt.Errorf("%.100q is not an IP address", address)}
		}
		if v4 := ip.To4(); v4 != nil {
			ip = v4
		}
		add(tagIP, ip)
	}
	for i, text := range spec.URIs {
		u, err := url.Parse(text)
		if err == nil {
			err = ia5(text)
		} else {
			err = fmt.Errorf("%.100q is not a URI", text)
		}
		if err != nil {
			return nil, &EncodeError{fmt.Sprintf("spec.uris[%d]", i), err}
		}
		add(tagURI, []byte(u.String()))
	}
	for i, name := range spec.OtherNames {
		oid, err := ParseOID(name.OID)
		if err != nil {
			return nil, &EncodeError{fmt.Sprintf("spec.otherNames[%d].oid", i), err}
		}
		if name.UTF8Value == "" || !utf8.ValidString(name.UTF8Value) {
			return nil, &EncodeError{fmt.Sprintf("spec.otherNames[%d].utf8Value", i), errors.New("must be text in UTF-8")}
		}
		der, err := asn1.MarshalWithParams(otherName{oid, name.UTF8Value}, fmt.Sprintf("tag:%d", tagOtherName))
		if err != nil {
			return nil, &EncodeError{fmt.Sprintf("spec.otherNames[%d].oid", i), fmt.Errorf("cannot be encoded: %w", err)}
		}
		names = append(names, asn1.RawValue{FullBytes: der})
	}
	if len(names) == 0 {
		return nil, nil
	}
	return asn1.Marshal(names)
}

// ia5 refuses text outside ASCII: such names must be written in another form
// before they fit into a certificate.
func ia5(s string) error {
	for _, r := range s {
		if r > 127 {
			return fmt.Errorf("%.100q has characters outside ASCII; write internationalised names in punycode (xn--…)", s)
		}
	}
	return nil
}

// ParseOID reads an object identifier in dotted form. The first arc is 0, 1 or
// 2, the second, under 0 and 1, is below 40 (X.660).
func ParseOID(s string) (asn1.ObjectIdentifier, error) {
	parts := strings.Split(s, ".")
	if len(parts) < 2 || len(s) > 256 {
		return nil, fmt.Errorf("%.100q is not an object identifier such as 1.3.6.1.4.1.311.20.2.3", s)
	}
	oid := make(asn1.ObjectIdentifier, len(parts))
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%.100q is not an object identifier such as 1.3.6.1.4.1.311.20.2.3", s)
		}
		oid[i] = int(n)
	}
	if oid[0] > 2 || (oid[0] < 2 && oid[1] >= 40) {
		return nil, fmt.Errorf("%.100q cannot be encoded: its first arc is 0, 1 or 2, and its second, under 0 and 1, less than 40", s)
	}
	return oid, nil
}

// otherNames returns the names of that kind with a UTF8String in a
// subjectAltName extension.
func otherNames(extensions []pkix.Extension) ([]certsv1.OtherName, error) {
	var found []certsv1.OtherName
	for _, e := range extensions {
		if !e.Id.Equal(oidSubjectAltName) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			return nil, errors.New("malformed subjectAltName extension")
		}
		for _, n := range names {
			if n.Class != asn1.ClassContextSpecific || n.Tag != tagOtherName {
				continue
			}
			var o otherName
			if _, err := asn1.UnmarshalWithParams(n.FullBytes, &o, fmt.Sprintf("tag:%d", tagOtherName)); err != nil {
				return nil, errors.New("malformed otherName")
			}
			found = append(found, certsv1.OtherName{OID: o.TypeID.String(), UTF8Value: o.Value})
		}
	}
	return found, nil
}

type generalSubtree struct {
	Base asn1.RawValue
}

type nameConstraints struct {
	Permitted []generalSubtree `asn1:"optional,tag:0"`
	Excluded  []generalSubtree `asn1:"optional,tag:1"`
}

// encodeNameConstraints returns the value of the extension (RFC 5280 section
// 4.2.1.10), or nil if nothing is constrained.
func encodeNameConstraints(c *certsv1.NameConstraints) ([]byte, error) {
	if c == nil {
		return nil, nil
	}
	permitted, err := subtrees(c.Permitted, "spec.nameConstraints.permitted")
	if err != nil {
		return nil, err
	}
	excluded, err := subtrees(c.Excluded, "spec.nameConstraints.excluded")
	if err != nil {
		return nil, err
	}
	if len(permitted)+len(excluded) == 0 {
		return nil, nil
	}
	return asn1.Marshal(nameConstraints{permitted, excluded})
}

func subtrees(item *certsv1.NameConstraintItem, path string) ([]generalSubtree, error) {
	if item == nil {
		return nil, nil
	}
	var trees []generalSubtree
	add := func(tag int, value []byte) {
		trees = append(trees, generalSubtree{asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: value}})
	}
	for _, list := range []struct {
		field string
		tag   int
		names []string
	}{
		{"dnsDomains", tagDNS, item.DNSDomains},
		{"emailAddresses", tagEmail, item.EmailAddresses},
		{"uriDomains", tagURI, item.URIDomains},
	} {
		for i, name := range list.names {
			if err := ia5(name); err != nil {
				return nil, &EncodeError{fmt.Sprintf("%s.%s[%d]", path, list.field, i), err}
			}
			add(list.tag, []byte(name))
		}
	}
	for i, text := range item.IPRanges {
		_, ipnet, err := net.ParseCIDR(text)
		if err != nil {
			return nil, &EncodeError{fmt.Sprintf("%s.ipRanges[%d]", path, i), fmt.Errorf("%.100q is not an IP range such as 10.0.0.0/8", text)}
		}
		add(tagIP, append(append([]byte{}, ipnet.IP...), ipnet.Mask...))
	}
	return trees, nil
}

// extension returns the value of the extension id, or nil.
func extension(extensions []pkix.Extension, id asn1.ObjectIdentifier) *pkix.Extension {
	for i := range extensions {
		if extensions[i].Id.Equal(id) {
			return &extensions[i]
		}
	}
	return nil
}
