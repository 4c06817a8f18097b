package validate

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func privateKey(spec *certsv1.CertificateSpec) field.ErrorList {
	key, path := spec.PrivateKey, specPath.Child("privateKey")
	if key == nil {
		return nil
	}
	errs := oneOf(path.Child("rotationPolicy"), key.RotationPolicy, certsv1.RotationPolicyAlways, certsv1.RotationPolicyNever)
	errs = append(errs, oneOf(path.Child("encoding"), key.Encoding, certsv1.PKCS1, certsv1.PKCS8)...)
	switch key.Algorithm {
	case "", certsv1.RSAKeyAlgorithm:
		if key.Size > 0 && (key.Size < certs.MinRSASize || key.Size > certs.MaxRSASize) {
			errs = append(errs, field.Invalid(path.Child("size"), key.Size,
				fmt.Sprintf("is not between %d and %d, the sizes of RSA keys; leave it out for %d, or set privateKey.algorithm", certs.MinRSASize, certs.MaxRSASize, certs.DefaultRSASize)))
		}
	case certsv1.ECDSAKeyAlgorithm:
		if key.Size > 0 && key.Size != 256 && key.Size != 384 && key.Size != 521 {
			errs = append(errs, field.NotSupported(path.Child("size"), key.Size, []string{"256", "384", "521"}))
		}
	case certsv1.Ed25519KeyAlgorithm: // has one size
	default:
		errs = append(errs, field.Invalid(path.Child("algorithm"), string(key.Algorithm), "must be RSA, ECDSA or Ed25519, in this spelling"))
	}
	return errs
}

var signatureAlgorithms = map[certsv1.PrivateKeyAlgorithm][]certsv1.SignatureAlgorithm{
	certsv1.RSAKeyAlgorithm:     {certsv1.SHA256WithRSA, certsv1.SHA384WithRSA, certsv1.SHA512WithRSA},
	certsv1.ECDSAKeyAlgorithm:   {certsv1.ECDSAWithSHA256, certsv1.ECDSAWithSHA384, certsv1.ECDSAWithSHA512},
	certsv1.Ed25519KeyAlgorithm: {certsv1.PureEd25519},
}

func signatureAlgorithm(spec *certsv1.CertificateSpec) field.ErrorList {
	algorithm, _ := certs.KeyParameters(spec.PrivateKey)
	fitting, known := signatureAlgorithms[algorithm]
	if spec.SignatureAlgorithm == "" || !known || slices.Contains(fitting, spec.SignatureAlgorithm) {
		return nil
	}
	var list []string
	for _, a := range fitting {
		list = append(list, string(a))
	}
	return field.ErrorList{field.Invalid(specPath.Child("signatureAlgorithm"), string(spec.SignatureAlgorithm),
		fmt.Sprintf("does not fit %s keys; use %s, leave it out, or change privateKey.algorithm", algorithm, strings.Join(list, ", ")))}
}
