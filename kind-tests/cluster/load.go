package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// archive is a docker archive of one image.
type archive struct {
	names []string // sorted
	image v1.Image
}

func openArchive(file string) (archive, error) {
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(file) })
	if err != nil {
		return archive{}, err
	}
	if len(manifest) == 0 {
		return archive{}, fmt.Errorf("%s holds no image", file)
	}
	if len(manifest) > 1 { // several tags of one image are one entry
		return archive{}, fmt.Errorf("%s holds more than one image", file)
	}
	image, err := tarball.ImageFromPath(file, nil)
	return archive{slices.Sorted(slices.Values(manifest[0].RepoTags)), image}, err
}

// loadImages imports those archives into the cluster's containerd that it does
// not have, and gives each a name by digest too, as a pull would have done.
func (c *cluster) loadImages(archives []string) error {
	if _, err := c.running(); err != nil {
		return err
	}
	for _, file := range archives {
		began := time.Now()
		a, err := openArchive(file)
		if err != nil {
			return err
		}
		config, err := a.image.ConfigName()
		if err != nil {
			return err
		}
		what := strings.Join(a.names, " ")
		has, err := c.hasImage(a.names, config)
		if err != nil {
			return err
		}
		if has {
			fmt.Printf("present  %s\n", what)
			continue
		}
		if out, err := c.ctr("import", file); err != nil {
			return fmt.Errorf("import %s: %w: %s", file, err, out)
		}
		if err := c.settle(a.names, config); err != nil {
			return fmt.Errorf("%s was imported, but %w", what, err)
		}
		fmt.Printf("loaded   %s (%.1f s)\n", what, time.Since(began).Seconds())
	}
	return nil
}

// hasImage tells whether every name stands for the image with that
// configuration. CRI keeps a record named after the configuration's digest.
func (c *cluster) hasImage(names []string, config v1.Hash) (bool, error) {
	targets, err := c.targets()
	if err != nil {
		return false, err
	}
	target := targets[config.String()]
	for _, name := range names {
		if target == "" || targets[name] != target || targets[byDigest(name, target)] != target {
			return false, nil
		}
	}
	return true, nil
}

// settle gives each name one by digest and waits until CRI, and so the kubelet,
// knows the image, which is a moment after the import.
func (c *cluster) settle(names []string, config v1.Hash) error {
	targets, err := c.targets()
	if err != nil {
		return err
	}
	for _, name := range names {
		digested := byDigest(name, targets[name])
		if targets[digested] != "" { // of an earlier name in the same repository
			continue
		}
		if err := c.tag(name, digested); err != nil {
			return err
		}
		targets[digested] = targets[name]
	}
	for began, told := time.Now(), false; ; time.Sleep(20 * time.Millisecond) {
		if has, err := c.hasImage(names, config); has || err != nil {
			return err
		}
		switch waited := time.Since(began); {
		case waited > 10*time.Second:
			return fmt.Errorf("containerd does not show it as %s", config)
		case waited > time.Second && !told:
			// A name that CRI managed before, for older content, keeps the mark that
			// it is managed, and then CRI makes no record for the new content.
			if err := c.tag(names[0], config.String()); err != nil {
				return err
			}
			told = true
		}
	}
}

func (c *cluster) tag(from, to string) error {
	if out, err := c.ctr("tag", "--force", from, to); err != nil {
		return fmt.Errorf("tag %s as %s: %w: %s", from, to, err, out)
	}
	return nil
}

// byDigest replaces the tag of a reference by a digest.
func byDigest(ref, digest string) string {
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
		ref = ref[:i]
	}
	return ref + "@" + digest
}

// targets maps containerd's image names to the digests of their manifests.
func (c *cluster) targets() (map[string]string, error) {
	out, err := c.ctr("list")
	if err != nil {
		return nil, fmt.Errorf("list images: %w: %s", err, out)
	}
	targets := map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		if f := strings.Fields(line); len(f) > 2 && strings.HasPrefix(f[2], "sha256:") { // REF TYPE DIGEST ...
			targets[f[0]] = f[2]
		}
	}
	return targets, nil
}

func (c *cluster) ctr(args ...string) (string, error) {
	cmd := exec.Command("ctr", append([]string{"-a", c.path("containerd.sock"), "-n", "k8s.io", "images"}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+programPath)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
