// Command pulumi-resource-command is the part of Pulumi's command provider that this program needs: the resource
// command:local:Command of the Python package pulumi-command, with its documented behaviour.
//
// It leaves out: the remote resources (command:remote:*), the functions (command:local:run), and the outputs
// `assets` and `archive`; a program that asks for one of them is told so.
//
// It differs in one thing: what the program marked as secret is masked in logs and errors, and errors do not repeat
// the command. A secret in another form, such as encoded, is not recognised: then set `logging` to "none".
package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/middleware/cancel"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

const localCommand = "command:local:Command"

// version is set by the linker to that of the Python package.
var version = "0.0.0"

func main() {
	provider := cancel.Wrap(p.Provider{
		GetSchema: schema,
		Invoke:    invoke,
		Check:     check,
		Diff:      diff,
		Create:    create,
		Read:      read,
		Update:    update,
		Delete:    remove,
	})
	if err := provider.Run(context.Background(), "command", version); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func schema(context.Context, p.GetSchemaRequest) (p.GetSchemaResponse, error) {
	return p.GetSchemaResponse{Schema: fmt.Sprintf(`{"name":"command","version":%q}`, version)}, nil
}

func invoke(_ context.Context, req p.InvokeRequest) (p.InvokeResponse, error) {
	return p.InvokeResponse{}, fmt.Errorf("%s needs the vendor's command plugin", req.Token)
}

// check refuses what is misspelt, of the wrong type, or left out here. Unknown values are checked when they are known.
func check(_ context.Context, req p.CheckRequest) (p.CheckResponse, error) {
	if req.Urn.Type() != localCommand {
		return p.CheckResponse{}, fmt.Errorf("%s needs the vendor's command plugin", req.Urn.Type())
	}
	response := p.CheckResponse{Inputs: req.Inputs}
	for name, value := range req.Inputs.AllStable {
		if reason := wrong(name, value); reason != "" {
			response.Failures = append(response.Failures, p.CheckFailure{Property: name, Reason: reason})
		}
	}
	return response, nil
}

func wrong(name string, value property.Value) string {
	notString := func(v property.Value) bool { return !v.IsComputed() && !v.IsString() }
	if value.IsNull() || value.IsComputed() {
		return ""
	}
	switch name {
	case "create", "update", "delete", "stdin", "dir":
		if !value.IsString() {
			return "must be a string"
		}
	case "interpreter":
		if !value.IsArray() || value.AsArray().Len() == 0 || slices.ContainsFunc(value.AsArray().AsSlice(), notString) {
			return "must be a list of strings"
		}
	case "environment":
		if !value.IsMap() {
			return "must be a map of strings"
		}
		for key, entry := range value.AsMap().AllStable {
			if notString(entry) {
				return fmt.Sprintf("must be a map of strings, but %q is none", key)
			}
		}
	case "triggers":
		if !value.IsArray() {
			return "must be a list"
		}
	case "addPreviousOutputInEnv":
		if !value.IsBool() {
			return "must be true or false"
		}
	case "logging":
		if !value.IsString() || !slices.Contains(loggingValues, value.AsString()) {
			return fmt.Sprintf("must be one of %v", loggingValues)
		}
	case "assetPaths", "archivePaths":
		return "needs the vendor's command plugin"
	default:
		return "is not an input of a local command"
	}
	return ""
}

// diff runs the command again on any change. Changed triggers replace the resource if there is no `update` to run.
func diff(_ context.Context, req p.DiffRequest) (p.DiffResponse, error) {
	changes := object(req.OldInputs).Diff(object(req.Inputs))
	if changes == nil {
		return p.DiffResponse{}, nil
	}
	response := p.DiffResponse{HasChanges: true, DetailedDiff: map[string]p.PropertyDiff{}}
	for _, key := range changes.ChangedKeys() {
		kind := p.Update
		if key == "triggers" && text(req.Inputs, "update") == "" && !req.Inputs.Get("update").IsComputed() {
			kind = p.UpdateReplace
		}
		response.DetailedDiff[string(key)] = p.PropertyDiff{Kind: kind, InputDiff: true}
	}
	return response, nil
}

func create(ctx context.Context, req p.CreateRequest) (p.CreateResponse, error) {
	id, err := resource.NewUniqueHex(req.Urn.Name(), 8, 0)
	if err != nil {
		return p.CreateResponse{}, err
	}
	if req.DryRun {
		return p.CreateResponse{ID: id, Properties: unknownOutputs(req.Properties)}, nil
	}
	outputs, err := run(ctx, "create", text(req.Properties, "create"), req.Properties, nil)
	return p.CreateResponse{ID: id, Properties: outputs}, err
}

// read has nothing to look at: a command is what it was when it ran.
func read(_ context.Context, req p.ReadRequest) (p.ReadResponse, error) {
	return p.ReadResponse{ID: req.ID, Properties: req.Properties, Inputs: req.Inputs}, nil
}

func update(ctx context.Context, req p.UpdateRequest) (p.UpdateResponse, error) {
	if req.DryRun {
		return p.UpdateResponse{Properties: unknownOutputs(req.Inputs)}, nil
	}
	command := text(req.Inputs, "update")
	if command == "" {
		command = text(req.Inputs, "create")
	}
	outputs, err := run(ctx, "update", command, req.Inputs, &req.State)
	return p.UpdateResponse{Properties: outputs}, err
}

func remove(ctx context.Context, req p.DeleteRequest) error {
	_, err := run(ctx, "delete", text(req.Properties, "delete"), req.Properties, &req.Properties)
	return err
}

func unknownOutputs(inputs property.Map) property.Map {
	unknown := property.New(property.Computed).WithSecret(property.New(inputs).HasSecrets())
	return inputs.Set("stdout", unknown).Set("stderr", unknown)
}

func object(m property.Map) resource.PropertyMap {
	return resource.ToResourcePropertyValue(property.New(m)).ObjectValue()
}

// text is a string input, "" when it is absent or not yet known.
func text(m property.Map, name string) string {
	if value := m.Get(name); value.IsString() {
		return value.AsString()
	}
	return ""
}
