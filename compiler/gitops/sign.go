package gitops

import (
	"bytes"
	"crypto/rand"
	"crypto/sha512"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/crypto/ssh"
)

// Signer signs a commit of that time. What it makes goes into the commit as it is.
type Signer func(commit []byte, at time.Time) (string, error)

// NewSigner reads a private key: of OpenPGP, in ASCII armour, or of OpenSSH. One key and one commit have one signature, except with
// ECDSA and DSA, which are random by nature.
func NewSigner(key []byte, passphrase string) (Signer, error) {
	if bytes.Contains(key, []byte("BEGIN PGP ")) {
		return pgpSigner(key, passphrase)
	}
	return sshSigner(key, passphrase)
}

func pgpSigner(key []byte, pass string) (Signer, error) {
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(key))
	if err != nil {
		return nil, err
	}
	if len(ring) != 1 || ring[0].PrivateKey == nil {
		return nil, fmt.Errorf("expected one private key, found %d keys", len(ring))
	}
	entity := ring[0]
	locked := entity.PrivateKey.Encrypted
	for _, sub := range entity.Subkeys {
		locked = locked || sub.PrivateKey != nil && sub.PrivateKey.Encrypted
	}
	if locked && pass == "" {
		return nil, errors.New("it is encrypted, and no passphrase is given")
	}
	if locked {
		if err := entity.DecryptPrivateKeys([]byte(pass)); err != nil {
			return nil, errors.New("the passphrase does not open it")
		}
	}
	return func(commit []byte, at time.Time) (string, error) {
		var b strings.Builder
		config := &packet.Config{
			Time: func() time.Time { return ripe(entity, at) },
			// Else two runs have two signatures, and so two commits.
			NonDeterministicSignaturesViaNotation: packet.BoolPointer(false),
		}
		if err := openpgp.ArmoredDetachSign(&b, entity, bytes.NewReader(commit), config); err != nil {
			return "", err
		}
		return b.String() + "\n", nil
	}, nil
}

// ripe is the time of the commit, or the first at which all of the key was there: a signature is never older than its key.
func ripe(e *openpgp.Entity, at time.Time) time.Time {
	made := []time.Time{e.PrimaryKey.CreationTime}
	for _, id := range e.Identities {
		made = append(made, id.SelfSignature.CreationTime)
	}
	for _, sub := range e.Subkeys {
		made = append(made, sub.PublicKey.CreationTime, sub.Sig.CreationTime)
	}
	for _, t := range made {
		if t.After(at) {
			at = t
		}
	}
	return at
}

// sshNamespace keeps a signature of a commit from being one of anything else
// (https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig).
const sshNamespace = "git"

func sshSigner(key []byte, pass string) (Signer, error) {
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil && pass != "" {
		signer, err = ssh.ParsePrivateKeyWithPassphrase(key, []byte(pass))
	}
	if err != nil {
		return nil, passphrase(err, pass)
	}
	algorithm := signer.PublicKey().Type()
	if algorithm == ssh.KeyAlgoRSA {
		algorithm = ssh.KeyAlgoRSASHA512 // SHA-1 is not admitted here
	}
	as, ok := signer.(ssh.AlgorithmSigner)
	if !ok {
		return nil, fmt.Errorf("a key of type %s signs no commits", algorithm)
	}
	return func(commit []byte, _ time.Time) (string, error) {
		hash := sha512.Sum512(commit)
		signed := append([]byte("SSHSIG"), ssh.Marshal(struct {
			Namespace, Reserved, Algorithm string
			Hash                           []byte
		}{sshNamespace, "", "sha512", hash[:]})...)
		sig, err := as.SignWithAlgorithm(rand.Reader, signed, algorithm)
		if err != nil {
			return "", err
		}
		blob := append([]byte("SSHSIG"), ssh.Marshal(struct {
			Version                        uint32
			Key                            []byte
			Namespace, Reserved, Algorithm string
			Signature                      []byte
		}{1, signer.PublicKey().Marshal(), sshNamespace, "", "sha512", ssh.Marshal(sig)})...)
		return string(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: blob})), nil
	}, nil
}
