package action

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// zizmor is installed from the wheel that the requirements name by its digest, once.
func zizmor(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	folder := filepath.Join(cache, "writ-test", "zizmor-1.32.0")
	program := filepath.Join(folder, "bin", "zizmor")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the digest of zizmor's wheel is known for linux/amd64 alone")
	}
	requirements, err := filepath.Abs("testdata/pip/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", folder},
		{filepath.Join(folder, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", requirements},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			os.RemoveAll(folder)
			t.Logf("%s", out)
			must(t, "install zizmor", err)
		}
	}
	return program
}

// TestLintersFindNothing: in the workflows as people copy them, in our actions, and in our own workflows.
func TestLintersFindNothing(t *testing.T) {
	t.Parallel()
	r := begin(t)
	for _, dir := range []string{r.dir, root()} {
		cmd := exec.Command(zizmor(t), "--offline", "--no-progress", "--persona=regular", filepath.Join(dir, ".github"))
		cmd.Env = environment()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("zizmor: %v\n%s", err, out)
		}
		cmd = exec.Command("go", "tool", "actionlint", "-shellcheck=", "-pyflakes=")
		workflows, _ := filepath.Glob(filepath.Join(dir, ".github/workflows/*.yml"))
		if len(workflows) == 0 {
			t.Error("no workflow in " + dir)
		}
		cmd.Args = append(cmd.Args, workflows...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("actionlint: %v\n%s", err, out)
		}
	}
}
