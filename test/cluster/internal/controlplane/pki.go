//go:build linux

package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// serverNames are the names and addresses by which clients know the API server.
var (
	serverNames = []string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local",
	}
	serverAddresses = []net.IP{
		net.IPv4(127, 0, 0, 1),
		net.ParseIP(serviceAddress),
		net.ParseIP(advertisedAddress),
	}
)

// ensurePKI makes the certificates and keys of a cluster, once and all together:
// what is there is complete and stays as it is.
func ensurePKI(d dir) error {
	if _, err := os.Stat(d.file("pki")); err == nil {
		return nil
	}
	next := dir(d.file("pki.new"))
	if err := os.RemoveAll(string(next)); err != nil {
		return err
	}
	if err := os.Mkdir(string(next), 0o700); err != nil {
		return err
	}
	if err := writePKI(next); err != nil {
		return fmt.Errorf("make certificates: %w", err)
	}
	return os.Rename(string(next), d.file("pki"))
}

func writePKI(d dir) error {
	ca, err := newAuthority(d, "ca", "devcluster")
	if err != nil {
		return err
	}
	frontProxy, err := newAuthority(d, "front-proxy-ca", "devcluster front proxy")
	if err != nil {
		return err
	}
	certificates := []struct {
		authority authority
		file      string
		template  x509.Certificate
	}{
		{ca, "apiserver", x509.Certificate{
			Subject:     pkix.Name{CommonName: "kube-apiserver"},
			DNSNames:    serverNames,
			IPAddresses: serverAddresses,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}},
		{ca, "admin", x509.Certificate{
			Subject:     pkix.Name{CommonName: "devcluster-admin", Organization: []string{"system:masters"}},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}},
		{ca, "controller-manager", x509.Certificate{
			Subject:     pkix.Name{CommonName: "system:kube-controller-manager"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}},
		{frontProxy, "front-proxy-client", x509.Certificate{
			Subject:     pkix.Name{CommonName: frontProxyName},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}},
	}
	for _, c := range certificates {
		key, err := newKey(d, c.file)
		if err != nil {
			return err
		}
		if err := c.authority.sign(d, c.file, c.template, key); err != nil {
			return err
		}
	}
	return writeServiceAccountKeys(d)
}

// writeServiceAccountKeys makes the pair that signs and checks tokens.
func writeServiceAccountKeys(d dir) error {
	key, err := newKey(d, "service-account")
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return writePEM(d.file("service-account.pub"), "PUBLIC KEY", public)
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(d dir, file, name string) (authority, error) {
	key, err := newKey(d, file)
	if err != nil {
		return authority{}, err
	}
	template := x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	self := authority{&template, key}
	if err := self.sign(d, file, template, key); err != nil {
		return authority{}, err
	}
	return self, nil
}

// sign writes the certificate for key. It is valid for ten years, so that no
// directory that anybody still has stops working.
func (a authority) sign(d dir, file string, template x509.Certificate, key *ecdsa.PrivateKey) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-24 * time.Hour)
	template.NotAfter = time.Now().AddDate(10, 0, 0)
	if !template.IsCA {
		template.KeyUsage = x509.KeyUsageDigitalSignature
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	return writePEM(d.file(file+".crt"), "CERTIFICATE", der)
}

func newKey(d dir, file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(d.file(file+".key"), "PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
