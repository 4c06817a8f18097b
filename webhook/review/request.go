package review

import (
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/certwright/certwright/certs/rawjson"
)

// The operations that are judged. Others are let through.
const (
	Create = "CREATE"
	Update = "UPDATE"
)

// Request is the part of an AdmissionRequest that judging needs.
type Request struct {
	// UID is repeated in the answer.
	UID string
	// Kind and Resource are what the rules of the configuration matched.
	Kind     GroupVersionKind
	Resource GroupVersionResource
	// SubResource is empty for the object itself.
	SubResource string
	// Namespace is empty for objects without one.
	Namespace string
	// Operation is CREATE, UPDATE, DELETE or CONNECT.
	Operation string
	// User is who asks. It is decoded by UserInfo.
	User rawjson.Value
	// Object is the object as it would be, OldObject as it is.
	Object, OldObject rawjson.Value
}

// GroupVersionKind names a kind.
type GroupVersionKind struct{ Group, Version, Kind string }

// GroupVersionResource names a resource.
type GroupVersionResource struct{ Group, Version, Resource string }

const apiVersion = "admission.k8s.io/v1"

// Read reads the AdmissionReview in body. The Values of the Request alias
// body. An error means that the body is not one that the API server sends.
func Read(body []byte) (Request, error) {
	var version, kind, inner rawjson.Value
	err := rawjson.Value(body).Members(func(name []byte, value rawjson.Value) error {
		switch string(name) {
		case "apiVersion":
			version = value
		case "kind":
			kind = value
		case "request":
			inner = value
		}
		return nil
	})
	if err != nil {
		return Request{}, fmt.Errorf("read AdmissionReview: %w", err)
	}
	if !version.Is(apiVersion) {
		return Request{}, fmt.Errorf("apiVersion is %.100s, expected %q", version, apiVersion)
	}
	if !kind.Is("AdmissionReview") {
		return Request{}, fmt.Errorf("kind is %.100s, expected \"AdmissionReview\"", kind)
	}
	if inner.Null() {
		return Request{}, errors.New("the AdmissionReview holds no request")
	}
	var req Request
	if err := inner.Members(req.set); err != nil {
		return Request{}, fmt.Errorf("read request: %w", err)
	}
	switch {
	case req.UID == "":
		return Request{}, errors.New("the request has no uid")
	case req.Resource.Resource == "":
		return Request{}, errors.New("the request has no resource")
	case req.Operation == "":
		return Request{}, errors.New("the request has no operation")
	}
	return req, nil
}

// set takes over one member of the request.
func (r *Request) set(name []byte, value rawjson.Value) (err error) {
	switch string(name) {
	case "uid":
		r.UID, err = value.Text()
	case "kind":
		r.Kind.Group, r.Kind.Version, r.Kind.Kind, err = triple(value, "kind")
	case "resource":
		r.Resource.Group, r.Resource.Version, r.Resource.Resource, err = triple(value, "resource")
	case "subResource":
		r.SubResource, err = value.Text()
	case "namespace":
		r.Namespace, err = value.Text()
	case "operation":
		r.Operation, err = value.Text()
	case "userInfo":
		r.User = value
	case "object":
		r.Object = value
	case "oldObject":
		r.OldObject = value
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// triple reads group, version and a third member.
func triple(r rawjson.Value, third string) (group, version, name string, err error) {
	err = r.Members(func(member []byte, value rawjson.Value) (err error) {
		switch string(member) {
		case "group":
			group, err = value.Text()
		case "version":
			version, err = value.Text()
		case third:
			name, err = value.Text()
		}
		return err
	})
	return group, version, name, err
}

// UserInfo decodes who asks.
func (r *Request) UserInfo() (authenticationv1.UserInfo, error) {
	var user authenticationv1.UserInfo
	if err := r.User.Decode(&user); err != nil {
		return user, fmt.Errorf("userInfo: %w", err)
	}
	return user, nil
}
