package status

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Write sends the patch of a status to the object, which is of that kind, and
// returns the version that it leads to. The API server is asked for the
// metadata alone: whoever writes a status, bound to a version, knows what is in
// it then.
func Write(ctx context.Context, c client.Client, kind schema.GroupVersionKind, object client.Object, patch []byte, opts ...client.SubResourcePatchOption) (resourceVersion string, err error) {
	answer := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: object.GetNamespace(), Name: object.GetName()}}
	answer.SetGroupVersionKind(kind)
	err = c.Status().Patch(ctx, answer, client.RawPatch(types.MergePatchType, patch), opts...)
	return answer.ResourceVersion, err
}
