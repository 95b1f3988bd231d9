package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

const (
	logNone           = "none"
	logStdout         = "stdout"
	logStderr         = "stderr"
	logBoth           = "stdoutAndStderr"
	longestLoggedLine = 1 << 20
	lastWords         = 2000 // bytes of its output that the error of a failed command repeats
	timeToEnd         = 5 * time.Second
)

var loggingValues = []string{logNone, logStdout, logStderr, logBoth}

// run executes a command as its inputs ask for, and gives the resource's new state. `before` is the state that the
// command can see the output of. Without a command there is nothing to do, and the outputs stay what they were.
func run(
	ctx context.Context, operation, command string, inputs property.Map, before *property.Map,
) (property.Map, error) {
	secret := property.New(inputs).HasSecrets()
	outputs := inputs
	for _, name := range []string{"stdout", "stderr"} {
		value := property.New("")
		if before != nil {
			value = before.Get(name)
		}
		outputs = outputs.Set(name, value)
	}
	if command == "" {
		return outputs, nil
	}

	mask := masker(inputs, before)
	logging := text(inputs, "logging")
	if logging == "" {
		logging = logBoth
	}
	logger := p.GetLogger(ctx)
	var stdout, stderr bytes.Buffer
	var group sync.WaitGroup
	stdoutWriter, endStdout := tee(&stdout, logging == logBoth || logging == logStdout, mask, logger, &group)
	stderrWriter, endStderr := tee(&stderr, logging == logBoth || logging == logStderr, mask, logger, &group)

	cmd := prepare(ctx, command, inputs, before)
	cmd.Stdout, cmd.Stderr = stdoutWriter, stderrWriter
	err := cmd.Run()
	endStdout()
	endStderr()
	group.Wait()
	if ctx.Err() != nil {
		if cmd.Process != nil { // whatever of its group did not end when it was asked to
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		err = ctx.Err()
	}
	if err != nil {
		said := stderr.String()
		if logging == logNone || logging == logStdout {
			said = "(stderr is not logged)"
		}
		said = strings.TrimSpace(said[max(0, len(said)-lastWords):])
		return outputs, fmt.Errorf("the %s command failed: %w\n%s", operation, err, mask.Replace(said))
	}
	set := func(name string, buffer *bytes.Buffer) {
		value := property.New(strings.TrimSuffix(buffer.String(), "\n"))
		outputs = outputs.Set(name, value.WithSecret(secret))
	}
	set("stdout", &stdout)
	set("stderr", &stderr)
	return outputs, nil
}

// prepare makes the process: a group of its own, so that it can be ended with everything that it started.
func prepare(ctx context.Context, command string, inputs property.Map, before *property.Map) *exec.Cmd {
	argv := []string{"/bin/sh", "-c"}
	if interpreter := inputs.Get("interpreter"); interpreter.IsArray() {
		argv = nil
		for _, part := range interpreter.AsArray().All {
			argv = append(argv, part.AsString())
		}
	}
	argv = append(argv, command)

	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = timeToEnd
	cmd.Dir = text(inputs, "dir")
	cmd.Stdin = strings.NewReader(text(inputs, "stdin"))
	cmd.Env = os.Environ()
	if environment := inputs.Get("environment"); environment.IsMap() {
		for name, value := range environment.AsMap().AllStable {
			cmd.Env = append(cmd.Env, name+"="+value.AsString())
		}
	}
	previous := inputs.Get("addPreviousOutputInEnv")
	if before != nil && (!previous.IsBool() || previous.AsBool()) {
		cmd.Env = append(cmd.Env, "PULUMI_COMMAND_STDOUT="+text(*before, "stdout"))
		cmd.Env = append(cmd.Env, "PULUMI_COMMAND_STDERR="+text(*before, "stderr"))
	}
	return cmd
}

// tee gives a writer that keeps everything and, if asked to, logs it line by line, masked. Call the function at the end.
func tee(
	keep *bytes.Buffer, log bool, mask *strings.Replacer, logger p.Logger, group *sync.WaitGroup,
) (io.Writer, func()) {
	if !log {
		return keep, func() {}
	}
	reader, writer := io.Pipe()
	group.Go(func() {
		lines := bufio.NewScanner(reader)
		lines.Buffer(nil, longestLoggedLine)
		for lines.Scan() {
			logger.Info(mask.Replace(lines.Text()))
		}
		_, _ = io.Copy(io.Discard, reader) // the rest of an endless line
	})
	return io.MultiWriter(keep, writer), func() { _ = writer.Close() }
}

// masker replaces each secret string, and each line of one, among the inputs and the previous state.
func masker(inputs property.Map, before *property.Map) *strings.Replacer {
	values := []property.Value{property.New(inputs)}
	if before != nil {
		values = append(values, property.New(*before))
	}
	var secrets []string
	for _, value := range values {
		secrets = collect(value, value.Secret(), secrets)
	}
	// Longer first: a secret may contain another one.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, secret := range secrets {
		pairs = append(pairs, secret, "[secret]")
	}
	return strings.NewReplacer(pairs...)
}

func collect(value property.Value, secret bool, found []string) []string {
	secret = secret || value.Secret()
	switch {
	case value.IsString() && secret:
		for _, part := range append(strings.Split(value.AsString(), "\n"), value.AsString()) {
			if strings.TrimSpace(part) != "" {
				found = append(found, part)
			}
		}
	case value.IsArray():
		for _, item := range value.AsArray().All {
			found = collect(item, secret, found)
		}
	case value.IsMap():
		for _, item := range value.AsMap().All {
			found = collect(item, secret, found)
		}
	}
	return found
}
