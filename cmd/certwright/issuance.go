package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	"github.com/certwright/certwright/cmd/internal/run"
	"github.com/certwright/certwright/issuance"
	"github.com/certwright/certwright/issuance/acme"
	"github.com/certwright/certwright/issuance/acme/challenge"
	"github.com/certwright/certwright/issuance/acme/exchange"
	"github.com/certwright/certwright/issuance/acme/http01"
	"github.com/certwright/certwright/issuance/acme/order"
	"github.com/certwright/certwright/issuance/ca"
	"github.com/certwright/certwright/issuance/certificate"
	issuancemetrics "github.com/certwright/certwright/issuance/metrics"
	"github.com/certwright/certwright/issuance/readiness"
	"github.com/certwright/certwright/issuance/request"
	"github.com/certwright/certwright/issuance/secrets"
	"github.com/certwright/certwright/issuance/selfsigned"
	"github.com/certwright/certwright/issuance/signingrequest"
)

// solverService is the Service of the acmesolver replicas.
const solverService = "cert-manager-acmesolver"

// addIssuance adds the role that fulfils Certificates: one controller for each
// kind of object, and the ways to sign.
func (p *process) addIssuance(context.Context) error {
	store, err := secrets.New(p.access, p.Namespace)
	if err != nil {
		return err
	}
	p.secrets = store
	if err := p.manager.Add(store); err != nil {
		return err
	}
	p.health.AddReady("secrets", func() error {
		if store.Synced() {
			return nil
		}
		return errors.New("not all read yet")
	})
	counters, err := issuancemetrics.New(p.registry)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	acmeMetrics, err := exchange.NewMetrics(p.registry)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := exchange.Prepare(p.log.WithName("lego")); err != nil {
		return err
	}
	accounts := &acme.Accounts{
		Secrets: p.manager.GetAPIReader(),
		Clients: exchange.NewClients(exchange.Options{UserAgent: "certwright/" + run.Version, Metrics: acmeMetrics}),
	}

	// The ways to sign. One more is one more line.
	kinds := []issuance.Kind{
		ca.Kind(store, p.clock),
		selfsigned.Kind(store, p.recorder("cert-manager-certificaterequests-issuer-selfsigned"), p.clock),
		acme.Kind(acme.Config{Client: p.manager.GetClient(), Live: p.manager.GetAPIReader(), Accounts: accounts, Clock: p.clock}),
	}

	approver := &request.Approver{
		Reviews: p.kubernetes.AuthorizationV1().SelfSubjectAccessReviews(), Mapper: p.manager.GetRESTMapper(), Clock: p.clock,
		Disabled: !p.controller("certificaterequests-approver"),
	}
	inFlight := request.NewInFlight()
	endpoints, err := p.solverEndpoints()
	if err != nil {
		return err
	}
	checks := http01.CheckOptions{Nameservers: p.SolverNameservers, UserAgent: "certwright/" + run.Version}
	if p.dev != nil || p.DevHTTPPort != 0 {
		checks.Dial = p.developmentDial
	}
	namespaced := p.Namespace != ""
	cas := readiness.NewCAs()
	certificates := certificate.Config{
		Kinds: kinds, Secrets: store, Resources: p.ClusterResourceNamespace, NamespacedOnly: namespaced, Approver: approver, InFlight: inFlight,
		Events: p.recorder("cert-manager-certificates-issuing"), Clock: p.clock, MinBackoff: p.MinBackoff, MaxBackoff: p.MaxBackoff,
		OwnerRef: p.OwnerRef, CopiedAnnotations: p.CopiedAnnotations, Counters: counters, Workers: p.Workers, Jumped: p.jumped,
	}

	// The controllers.
	return errors.Join(
		readiness.Add(p.manager, readiness.Config{
			Kinds: kinds, Secrets: store, Resources: p.ClusterResourceNamespace, NamespacedOnly: namespaced,
			Events: p.recorder("cert-manager-issuers"), Clock: p.clock, Counters: counters, CAs: cas, Jumped: p.jumped,
		}),
		request.Add(p.manager, request.Config{
			Kinds: kinds, Resources: p.ClusterResourceNamespace, NamespacedOnly: namespaced, Approver: approver, InFlight: inFlight,
			Secrets: store, Owned: []client.Object{&acmev1.Order{}}, Events: p.recorder(request.FieldOwner),
			Clock: p.clock, Counters: counters, Workers: p.Workers,
		}),
		certificate.Add(p.manager, certificates),
		p.addSigningRequests(kinds, store, counters),
		order.Add(p.manager, order.Config{
			Accounts: accounts, ClusterResourceNamespace: p.ClusterResourceNamespace, Namespaced: namespaced,
			Events: p.recorder("cert-manager-orders"), Clock: p.clock, Workers: p.Workers, Jumped: p.jumped,
		}),
		challenge.Add(p.manager, challenge.Config{
			Accounts: accounts, ClusterResourceNamespace: p.ClusterResourceNamespace, Namespaced: namespaced,
			Presenter: &http01.Presenter{Client: p.manager.GetClient(), Live: p.manager.GetAPIReader(), Endpoints: endpoints},
			SelfCheck: http01.NewSelfCheck(checks), Events: p.recorder("cert-manager-challenges"), Clock: p.clock,
			Max: p.MaxChallenges, Retry: p.CheckRetryPeriod, Workers: p.Workers, Jumped: p.jumped,
		}),
		p.onLeader(certificate.NewCollector(p.manager.GetClient(), certificates)),
		p.onLeader(request.NewCollector(p.manager.GetClient(), p.clock)),
		p.onLeader(readiness.NewCollector(p.manager.GetClient(), namespaced)),
		p.onLeader(cas),
		p.onLeader(challenge.NewCollector(p.manager.GetClient())),
	)
}

// addSigningRequests adds the controller of Kubernetes
// CertificateSigningRequests, if its feature gate is open.
func (p *process) addSigningRequests(kinds []issuance.Kind, store *secrets.Store, counters *issuancemetrics.Counters) error {
	if !p.signingRequests {
		return nil
	}
	return signingrequest.Add(p.manager, signingrequest.Config{
		Kinds: kinds, Serves: func(k issuance.Kind) bool { return p.controller(signingrequest.ControllerOf(k)) },
		Resources: p.ClusterResourceNamespace, Namespace: p.Namespace, Reviews: p.kubernetes.AuthorizationV1().SubjectAccessReviews(),
		Secrets: store, Events: p.recorder("cert-manager-certificatesigningrequests"), Clock: p.clock, Counters: counters, Workers: p.Workers,
	})
}

// solverEndpoints knows where acmesolver answers.
func (p *process) solverEndpoints() (http01.Endpoints, error) {
	if len(p.SolverAddresses) > 0 {
		static, err := http01.ParseStatic(p.SolverAddresses)
		if err != nil {
			return nil, fmt.Errorf("--acme-http01-solver-addresses: %w", err)
		}
		return static, nil
	}
	return http01.Service{Reader: p.manager.GetAPIReader(), Namespace: processNamespace(), Name: solverService}, nil
}

// developmentDial finds the node network, 192.0.2.0/24, at 127.0.0.0/24, and
// whatever listens on port 80 at --dev-http-port.
func (p *process) developmentDial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	resolver := net.DefaultResolver
	if len(p.SolverNameservers) > 0 {
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.SolverNameservers[0])
		}}
	}
	addresses, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", host, err)
	}
	ip := addresses[0].Unmap()
	if netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, 0}), 24).Contains(ip) {
		ip = netip.AddrFrom4([4]byte{127, 0, 0, ip.As4()[3]})
	}
	if port == "80" && p.DevHTTPPort != 0 {
		port = strconv.Itoa(p.DevHTTPPort)
	}
	return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
}
