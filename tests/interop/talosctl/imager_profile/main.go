// Copyright (c) 2026 homelab.talos contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Command imager_profile reads an imager profile from standard input as Talos' imager does, fills in the imager's
// defaults, lets the imager's own code validate it, and prints what the imager would make of it as JSON.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/siderolabs/talos/pkg/imager/profile"
	"go.yaml.in/yaml/v4"
)

type result struct {
	Output     string   `json:"output"`
	Format     string   `json:"format"`
	Kind       string   `json:"kind"`
	Arch       string   `json:"arch"`
	Version    string   `json:"version"`
	Kernel     string   `json:"kernel"`
	Initramfs  string   `json:"initramfs"`
	Extensions []string `json:"extensions"`
}

func run() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}

	var p profile.Profile

	// The imager itself overlooks fields that it does not know; a profile of ours has none.
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)

	if err = decoder.Decode(&p); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}

	p.Input.FillDefaults(p.Arch, p.Version, p.SecureBootEnabled())
	p.Output.FillDefaults(p.Arch, p.Version, p.SecureBootEnabled())

	if err = p.Validate(); err != nil {
		return fmt.Errorf("validating: %w", err)
	}

	r := result{
		Output:    p.OutputPath(),
		Format:    p.Output.OutFormat.String(),
		Kind:      p.Output.Kind.String(),
		Arch:      p.Arch,
		Version:   p.Version,
		Kernel:    p.Input.Kernel.Path,
		Initramfs: p.Input.Initramfs.Path,
	}

	for _, extension := range p.Input.SystemExtensions {
		r.Extensions = append(r.Extensions, extension.ImageRef)
	}

	return json.NewEncoder(os.Stdout).Encode(r)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
