package ingress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Client is a browser for which every name is served by d: it asks for
// https://web.example.test/ and verifies the certificate against roots. Each
// request shakes hands anew, so that it sees the certificate of this moment.
func (d *DataPlane) Client(roots *x509.CertPool) *http.Client {
	var dialer net.Dialer
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{RootCAs: roots},
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				to := d.HTTPAddr()
				if _, port, _ := net.SplitHostPort(addr); port == "443" || port == strconv.Itoa(d.HTTPSPort()) {
					to = d.HTTPSAddr()
				}
				return dialer.DialContext(ctx, network, to)
			},
		},
	}
}
