package main

import (
	"encoding/base64"
	"fmt"

	"github.com/certwright/certwright/test/stage"
)

const namespace = "shop"

// platformManifest is what a platform team applies: a ClusterIssuer for an ACME
// server, a CA of its own, which a self-signed issuer begins, and the Service of
// the site, whose one endpoint is the port sitePort of this process.
func platformManifest(s *stage.Stage, sitePort int) string {
	return fmt.Sprintf(platform, s.ACME.DirectoryURL(), base64.StdEncoding.EncodeToString(s.ACME.CABundle()), sitePort)
}

const platform = `
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata:
  name: acme
spec:
  acme:
    server: %s
    caBundle: %s
    email: platform@example.test
    privateKeySecretRef:
      name: acme-account
    solvers:
    - http01:
        ingress: {}
---
apiVersion: v1
kind: Namespace
metadata:
  name: shop
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata:
  name: self-signed
  namespace: shop
spec:
  selfSigned: {}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: ca
  namespace: shop
spec:
  isCA: true
  commonName: Shop CA
  secretName: ca-key-pair
  privateKey:
    algorithm: ECDSA
  issuerRef:
    name: self-signed
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata:
  name: ca
  namespace: shop
spec:
  ca:
    secretName: ca-key-pair
---
apiVersion: v1
kind: Service
metadata:
  name: site
  namespace: shop
spec:
  ports:
  - name: http
    port: 80
    targetPort: 8080
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: site
  namespace: shop
  labels:
    kubernetes.io/service-name: site
addressType: IPv4
ports:
- name: http
  port: %d
endpoints:
- addresses: ["192.0.2.1"]
`

// ingressManifest is what an app developer applies.
const ingressManifest = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  annotations:
    cert-manager.io/cluster-issuer: acme
spec:
  tls:
  - hosts: [web.example.test]
    secretName: web-tls
  rules:
  - host: web.example.test
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service: {name: site, port: {name: http}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: intranet
  namespace: shop
  annotations:
    cert-manager.io/issuer: ca
spec:
  tls:
  - hosts: [intranet.example.test]
    secretName: intranet-tls
  rules:
  - host: intranet.example.test
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service: {name: site, port: {name: http}}
`

// mistakeManifest has two mistakes.
const mistakeManifest = `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: mistake
  namespace: shop
spec:
  dnsNames: [mistake.example.test]
  duration: 30m
  privateKey:
    algorithm: ECDSA
    size: 512
  issuerRef:
    name: ca
`
