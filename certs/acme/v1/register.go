package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of the types in this package.
const GroupName = "acme.cert-manager.io"

// GroupVersion is the API group and version of the types in this package.
var GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1"}

// Kinds of this group.
const (
	OrderKind     = "Order"
	ChallengeKind = "Challenge"
)

// AddToScheme makes the types of this package known to s.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&Order{}, &OrderList{},
		&Challenge{}, &ChallengeList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
