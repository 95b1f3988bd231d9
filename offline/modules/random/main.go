// Command pulumi-resource-random is the Terraform random provider behind Pulumi's bridge: the resources of
// the Python package pulumi-random.
//
// It sits in a module below the provider's, because the provider's code is in an internal folder.
package main

import (
	"context"
	"errors"
	"fmt"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// version is set by the linker to that of the Python package.
var version = "0.0.0"

func random(kind string) *tfbridge.ResourceInfo {
	return &tfbridge.ResourceInfo{Tok: tokens.Type("random:index/random" + kind + ":Random" + kind)}
}

// bytes takes the value as id; the Terraform resource has none of its own.
func bytes() *tfbridge.ResourceInfo {
	info := random("Bytes")
	info.ComputeID = func(_ context.Context, state resource.PropertyMap) (resource.ID, error) {
		value := state["base64"]
		if value.IsSecret() {
			value = value.SecretValue().Element
		}
		if !value.IsString() {
			return "", errors.New("random bytes have no base64 value")
		}
		return resource.ID(value.StringValue()), nil
	}
	return info
}

func main() {
	info := tfbridge.ProviderInfo{
		Name:           "random",
		Version:        version,
		ResourcePrefix: "random",
		P:              pf.ShimProvider(provider.New()),
		Resources: map[string]*tfbridge.ResourceInfo{
			"random_bytes":    bytes(),
			"random_id":       random("Id"),
			"random_integer":  random("Integer"),
			"random_password": random("Password"),
			"random_pet":      random("Pet"),
			"random_shuffle":  random("Shuffle"),
			"random_string":   random("String"),
			"random_uuid":     random("Uuid"),
			"random_uuid4":    random("Uuid4"),
			"random_uuid7":    random("Uuid7"),
		},
		// The bridge refuses a provider without metadata; there are no renamed resources to remember.
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
	}
	schema := fmt.Sprintf(`{"name":"random","version":%q}`, version)
	pf.Main(context.Background(), "random", info, pf.ProviderMetadata{PackageSchema: []byte(schema)})
}
