package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// archive makes the archive of one platform in a folder.
func (d *dist) archive(ctx context.Context, platform, temp, made string, common []file) (string, int, error) {
	system, arch, _ := strings.Cut(platform, "/")
	name := "writ"
	if system == "windows" {
		name += ".exe"
	}
	binary := filepath.Join(temp, system+"-"+arch, name)
	env := []string{"GOOS=" + system, "GOARCH=" + arch}
	if err := d.build(ctx, binary, env...); err != nil {
		return "", 0, err
	}
	version, committed, err := d.stamp(binary)
	if err != nil {
		return "", 0, err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return "", 0, err
	}
	modules, err := d.modules(ctx, env)
	if err != nil {
		return "", 0, err
	}
	bill, err := bill(binary, modules)
	if err != nil {
		return "", 0, err
	}
	files := append(slices.Clone(common),
		file{name, data, 0o755}, file{"LICENSES.txt", licences(modules), 0o644}, file{"writ.cdx.json", bill, 0o644})
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	base := fmt.Sprintf("writ_%s_%s_%s", version, system, arch)
	packed, ext, err := pack(system, files, committed)
	if err != nil {
		return "", 0, err
	}
	return base + ext, len(packed), os.WriteFile(filepath.Join(made, base+ext), packed, 0o644)
}

// stamp is what the Go command wrote into the binary: the version, without the v, and the time of the commit.
func (d *dist) stamp(binary string) (version string, committed time.Time, err error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", committed, err
	}
	if d.Version != "" && info.Main.Version != d.Version {
		return "", committed, fmt.Errorf("this is %s, not %s: build it where the tag is checked out, with nothing changed", info.Main.Version, d.Version)
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			committed, err = time.Parse(time.RFC3339, s.Value)
			return strings.TrimPrefix(info.Main.Version, "v"), committed.UTC(), err
		}
	}
	return "", committed, errors.New("the Go command wrote no commit into it; is this a git repository?")
}

// pack puts the files into an archive: a zip for Windows, a tarball for the others.
func pack(system string, files []file, at time.Time) (data []byte, ext string, err error) {
	var out bytes.Buffer
	if system == "windows" {
		err = packZip(&out, files, at)
		return out.Bytes(), ".zip", err
	}
	err = packTar(&out, files, at)
	return out.Bytes(), ".tar.gz", err
}

func packZip(to io.Writer, files []file, at time.Time) error {
	w := zip.NewWriter(to)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at}
		header.SetMode(f.mode)
		entry, err := w.CreateHeader(header)
		if err == nil {
			_, err = entry.Write(f.data)
		}
		if err != nil {
			return err
		}
	}
	return w.Close()
}

func packTar(to io.Writer, files []file, at time.Time) error {
	compressed, err := gzip.NewWriterLevel(to, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(compressed)
	for _, f := range files {
		err := w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: at, Format: tar.FormatUSTAR,
		})
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), compressed.Close())
}

// checksums writes the digest of every file in the folder, as sha256sum reads them.
func checksums(dir string) error {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return err
	}
	var all strings.Builder
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(all.String()), 0o644)
}
