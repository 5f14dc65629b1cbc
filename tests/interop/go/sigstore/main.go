// sigstore verifies logged lines with sigstore-go, under the registry's
// trusted root and the builder's key.
//
// usage: sigstore TRUSTED-ROOT KEY.pem < LINES
//
// Exit code: 0 all hold, 1 not.
package main

import (
	"bufio"
	"crypto"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"os"
	"time"

	"crypto/x509"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
)

func check(err error, doing string) {
	if err != nil {
		log.Fatalf("%s: %v", doing, err)
	}
}

// material is the registry's root with the one key that is trusted.
type material struct {
	root.TrustedMaterial
	key root.TimeConstrainedVerifier
}

func (m material) PublicKeyVerifier(string) (root.TimeConstrainedVerifier, error) {
	return m.key, nil
}

// subject is the digest of the statement's first subject.
func subject(b *bundle.Bundle) []byte {
	envelope, err := b.Envelope()
	check(err, "the envelope")
	payload, err := envelope.DecodeB64Payload()
	check(err, "the payload")
	var s struct {
		Subject []struct{ Digest map[string]string }
	}
	check(json.Unmarshal(payload, &s), "the statement")
	d, err := hex.DecodeString(s.Subject[0].Digest["sha256"])
	check(err, "the subject")
	return d
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("sigstore: ")
	trusted, err := root.NewTrustedRootFromPath(os.Args[1])
	check(err, "the trusted root")
	text, err := os.ReadFile(os.Args[2])
	check(err, "the key")
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	check(err, "the key")
	v, err := signature.LoadVerifier(key, crypto.SHA256)
	check(err, "the key")
	verifier, err := verify.NewVerifier(material{trusted,
		root.NewExpiringKey(v, time.Time{}, time.Time{})},
		verify.WithTransparencyLog(1), verify.WithNoObserverTimestamps())
	check(err, "the verifier")

	n := 0
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 8<<20)
	for in.Scan() {
		var b bundle.Bundle
		check(b.UnmarshalJSON(in.Bytes()), "reading a line")
		_, err := verifier.Verify(&b, verify.NewPolicy(
			verify.WithArtifactDigest("sha256", subject(&b)), verify.WithKey()))
		check(err, fmt.Sprintf("line %d", n+1))
		n++
	}
	check(in.Err(), "reading lines")
	fmt.Printf("%d lines\n", n)
}
