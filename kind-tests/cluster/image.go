package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// imageSpec says how to pack an image into a docker archive. Equal files and
// equal settings give equal bytes: names are sorted, times are zero.
type imageSpec struct {
	names   list // full references; more than one are tags of the same content
	out     string
	user    int
	workdir string
	static  bool
}

// contentLabel holds the digest of all that went into an image, so that an
// archive that is up to date is recognised without compressing anything.
const contentLabel = "dev.sluice.content"

// entry is a file, a symbolic link or a folder of the image.
type entry struct {
	kind byte // a tar type
	mode int64
	link string
	data func() ([]byte, error)
}

// write packs FILE:DEST pairs unless out holds just that already.
func (s *imageSpec) write(pairs []string) error {
	if s.out == "" || len(s.names) == 0 || len(pairs) == 0 {
		return errors.New("image needs --name, --out and FILE:DEST")
	}
	tags := map[name.Tag]v1.Image{}
	for _, ref := range s.names {
		tag, err := name.NewTag(ref, name.StrictValidation)
		if err != nil {
			return err
		}
		tags[tag] = nil
	}
	entries, entrypoint, err := s.entries(pairs)
	if err != nil {
		return err
	}
	layerTar, err := tarOf(entries)
	if err != nil {
		return err
	}
	config := v1.Config{Entrypoint: []string{entrypoint}, User: fmt.Sprintf("%d:%d", s.user, s.user), WorkingDir: s.workdir,
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
	if config.Labels, err = contentDigest(layerTar, config); err != nil {
		return err
	}
	if s.isCurrent(config.Labels[contentLabel]) {
		return nil
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(layerTar)), nil
	}, tarball.WithCompressionLevel(gzip.BestSpeed)) // it is unpacked again right away
	if err != nil {
		return err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH,
		RootFS: must(image.ConfigFile()).RootFS, Config: config})
	if err != nil {
		return err
	}
	for tag := range tags {
		tags[tag] = image
	}
	temporary := s.out + ".tmp"
	defer os.Remove(temporary)
	if err := tarball.MultiWriteToFile(temporary, tags); err != nil {
		return err
	}
	return os.Rename(temporary, s.out)
}

// contentDigest makes the label for a layer and a configuration.
func contentDigest(layer []byte, config v1.Config) (map[string]string, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(layer[:len(layer):len(layer)], text...))
	return map[string]string{contentLabel: hex.EncodeToString(sum[:])}, nil
}

// isCurrent tells whether out is an archive of that content under the same names.
func (s *imageSpec) isCurrent(content string) bool {
	a, err := openArchive(s.out)
	if err != nil {
		return false
	}
	config, err := a.image.ConfigFile()
	wanted := slices.Sorted(slices.Values(s.names))
	return err == nil && config.Config.Labels[contentLabel] == content && slices.Equal(wanted, a.names)
}

// entries collects the image's content and finds its entrypoint, the first pair's DEST.
func (s *imageSpec) entries(pairs []string) (map[string]entry, string, error) {
	id := strconv.Itoa(s.user)
	all := map[string]entry{
		"tmp/":       {kind: tar.TypeDir, mode: 0o1777},
		"etc/passwd": file(0o644, text("root:x:0:0:root:/:/\nnonroot:x:"+id+":"+id+":nonroot:/:/\n")),
		"etc/group":  file(0o644, text("root:x:0:\nnonroot:x:"+id+":\n")),
	}
	var entrypoint string
	for _, pair := range pairs {
		from, dest, ok := strings.Cut(pair, ":")
		if !ok || !path.IsAbs(dest) {
			return nil, "", fmt.Errorf("%q is not FILE:/DEST", pair)
		}
		to := strings.TrimPrefix(path.Clean(dest), "/")
		target, isLink := strings.CutPrefix(from, "->")
		switch {
		case from == "":
			all[to+"/"] = entry{kind: tar.TypeDir, mode: 0o1777}
		case isLink:
			all[to] = entry{kind: tar.TypeSymlink, mode: 0o777, link: target}
		default:
			if entrypoint == "" {
				if err := s.checkStatic(from); err != nil {
					return nil, "", err
				}
				entrypoint = dest
			}
			if err := addFiles(all, from, to); err != nil {
				return nil, "", err
			}
		}
	}
	for name := range all { // the folders above each
		for dir := path.Dir(path.Clean(name)); dir != "."; dir = path.Dir(dir) {
			if _, exists := all[dir+"/"]; !exists {
				all[dir+"/"] = entry{kind: tar.TypeDir, mode: 0o755}
			}
		}
	}
	return all, entrypoint, nil
}

// addFiles adds a regular file, or all regular files below a folder.
func addFiles(all map[string]entry, from, to string) error {
	return filepath.Walk(from, func(name string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(from, name)
		all[path.Join(to, filepath.ToSlash(rel))] = file(int64(0o644|info.Mode().Perm()&0o111),
			func() ([]byte, error) { return os.ReadFile(name) })
		return err
	})
}

func file(mode int64, data func() ([]byte, error)) entry {
	return entry{kind: tar.TypeReg, mode: mode, data: data}
}

func text(s string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(s), nil } }

// checkStatic refuses a program that asks for a loader, and thus for shared
// libraries, which an image of one file does not have.
func (s *imageSpec) checkStatic(program string) error {
	if !s.static {
		return nil
	}
	f, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is dynamically linked, so it cannot run in an image without libraries", program)
		}
	}
	return nil
}

// tarOf writes the entries in the order of their names.
func tarOf(entries map[string]entry) ([]byte, error) {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	sort.Strings(names)
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range names {
		e := entries[name]
		var data []byte
		if e.data != nil {
			var err error
			if data, err = e.data(); err != nil {
				return nil, err
			}
		}
		header := tar.Header{Typeflag: e.kind, Name: name, Linkname: e.link, Mode: e.mode, Size: int64(len(data))}
		if err := w.WriteHeader(&header); err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
	}
	return buf.Bytes(), w.Close()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
