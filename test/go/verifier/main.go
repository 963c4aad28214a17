// A verifier of Remit's ledger that shares no line with Remit: it stands on golang.org/x/mod/sumdb alone.
//
//	verifier log URL VKEY [OLD-CHECKPOINT-FILE [WITNESS-VKEY]]
//	verifier export FILE VKEY [WITNESS-VKEY]
//
// It prints one line and exits 0 when all of it holds; otherwise it says on stderr what does not, and exits 1.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	said, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
	fmt.Println(said)
}

func run(args []string) (string, error) {
	if len(args) < 3 {
		return "", errors.New("usage: verifier log URL VKEY [OLD [WITNESS]] | export FILE VKEY [WITNESS]")
	}
	arg := func(n int) string {
		if n < len(args) {
			return args[n]
		}
		return ""
	}
	switch args[0] {
	case "log":
		return checkLog(args[1], args[2], arg(3), arg(4))
	case "export":
		return checkExport(args[1], args[2], arg(3))
	}
	return "", fmt.Errorf("unknown command %q", args[0])
}

// Checkpoints.

// A cosigner verifies cosignature/v1 lines (C2SP tlog-cosignature), which the note package does not know.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
	return ed25519.Verify(c.key, append([]byte(head), msg...), sig[8:])
}

func newCosigner(vkey string) (*cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("malformed witness key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 33 || key[0] != 4 {
		return nil, errors.New("malformed witness key")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(sum[:4])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, errors.New("the hash of the witness key does not fit")
	}
	return &cosigner{parts[0], hash, key[1:]}, nil
}

type keys struct {
	log     note.Verifier
	witness *cosigner
}

func readKeys(vkey, witness string) (keys, error) {
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return keys{}, err
	}
	if witness == "" {
		return keys{log, nil}, nil
	}
	w, err := newCosigner(witness)
	return keys{log, w}, err
}

// open checks the log's signature, and the witness's where its key is given.
func (k keys) open(text []byte) (tlog.Tree, bool, error) {
	known := []note.Verifier{k.log}
	if k.witness != nil {
		known = append(known, k.witness)
	}
	n, err := note.Open(text, note.VerifierList(known...))
	if err != nil {
		return tlog.Tree{}, false, err
	}
	var own, cosigned bool
	for _, sig := range n.Sigs {
		own = own || sig.Hash == k.log.KeyHash() && sig.Name == k.log.Name()
		cosigned = cosigned || k.witness != nil && sig.Hash == k.witness.hash && sig.Name == k.witness.name
	}
	if !own {
		return tlog.Tree{}, false, errors.New("the log itself has not signed")
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != k.log.Name() {
		return tlog.Tree{}, false, errors.New("the checkpoint is of another log, or of another form")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, false, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, cosigned, err
}

// The log over HTTP.

type server struct {
	url    string
	client http.Client
	// Tiles that were checked against the root.
	known map[tlog.Tile][]byte
}

func (s *server) get(path string) ([]byte, error) {
	answer, err := s.client.Get(s.url + "/" + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 32<<20))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != 200 {
		return nil, fmt.Errorf("%s: %s %s", path, answer.Status, bytes.TrimSpace(body))
	}
	return body, nil
}

// path as C2SP has it, where the module of Go names the height too.
func path(t tlog.Tile) string {
	text := strings.Replace(t.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
	return strings.Replace(text, "tile/data/", "tile/entries/", 1)
}

func (s *server) Height() int { return height }
func (s *server) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	for at, tile := range tiles {
		s.known[tile] = data[at]
	}
}
func (s *server) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		if data, ok := s.known[tile]; ok {
			all = append(all, data)
			continue
		}
		data, err := s.get(path(tile))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", path(tile), len(data))
		}
		all = append(all, data)
	}
	return all, nil
}

func checkLog(url, vkey, old, witness string) (string, error) {
	k, err := readKeys(vkey, witness)
	if err != nil {
		return "", err
	}
	s := &server{strings.TrimRight(url, "/"), http.Client{Timeout: 10 * time.Second}, map[tlog.Tile][]byte{}}
	text, err := s.get("checkpoint")
	if err != nil {
		return "", err
	}
	tree, cosigned, err := k.open(text)
	if err != nil {
		return "", err
	}
	if k.witness != nil && !cosigned {
		return "", errors.New("the witness has not cosigned the newest checkpoint")
	}
	// TileHashReader checks every tile against the signed root before it hands out a hash.
	hashes := tlog.TileHashReader(tree, s)
	for from := int64(0); from < tree.N; from += 1 << height {
		width := tree.N - from
		if width > 1<<height {
			width = 1 << height
		}
		if err := checkBundle(s, hashes, tree, tlog.Tile{H: height, L: -1, N: from >> height, W: int(width)}); err != nil {
			return "", err
		}
	}
	if old != "" {
		if err := checkConsistency(k, hashes, tree, old); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("ok %d %s", tree.N, tree.Hash), nil
}

func checkBundle(s *server, hashes tlog.HashReader, tree tlog.Tree, tile tlog.Tile) error {
	data, err := s.get(path(tile))
	if err != nil {
		return err
	}
	for at := 0; at < tile.W; at++ {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return fmt.Errorf("%s ends within entry %d", path(tile), at)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entry := data[2:end]
		data = data[end:]
		index := tile.N<<height + int64(at)
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
			return fmt.Errorf("leaf %d: %w", index, err)
		}
	}
	if len(data) != 0 {
		return fmt.Errorf("%s has more than %d entries", path(tile), tile.W)
	}
	return nil
}

func checkConsistency(k keys, hashes tlog.HashReader, tree tlog.Tree, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, _, err := k.open(text)
	if err != nil {
		return fmt.Errorf("the old checkpoint: %w", err)
	}
	if before.N > tree.N {
		return fmt.Errorf("the log has %d entries, and once had %d", tree.N, before.N)
	}
	proof, err := tlog.ProveTree(tree.N, before.N, hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash); err != nil {
		return fmt.Errorf("the log is not the one of the old checkpoint: %w", err)
	}
	return nil
}

// An export.

type line struct {
	Format   string
	Origin   string
	Vkeys    []string
	Journals []struct{ Name, Vkey string }
	Leaf     *struct {
		Index int64
		Data  []byte
		Body  json.RawMessage
		Salt  []byte
	}
	Checkpoint string
	Journal    string
	Line       string
}

type body struct {
	Kind  string
	Facts struct {
		Journal string
		N       int64
		Hash    string
		Vkey    string
		Leaf    *int64
	}
}

type export struct {
	keys     keys
	stored   []tlog.Hash
	leaves   int64
	covered  int64
	cosigned int64
	last     tlog.Tree
	missing  map[int64]bool
	erased   map[int64]bool
	journals map[string]*journal
	// Journals that an entry named, and whose lines are where their gateways are.
	elsewhere map[string]*elsewhere
}

type elsewhere struct {
	vkey string
	upto int64
}

func (e *export) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var all []tlog.Hash
	for _, index := range indexes {
		all = append(all, e.stored[index])
	}
	return all, nil
}

func checkExport(file, vkey, witness string) (string, error) {
	k, err := readKeys(vkey, witness)
	if err != nil {
		return "", err
	}
	input, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer input.Close()
	e := &export{keys: k, missing: map[int64]bool{}, erased: map[int64]bool{}, journals: map[string]*journal{}, elsewhere: map[string]*elsewhere{}}
	scanner := bufio.NewScanner(input)
	scanner.Buffer(nil, 16<<20)
	for number := 1; scanner.Scan(); number++ {
		var l line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			return "", fmt.Errorf("line %d: %w", number, err)
		}
		if err := e.take(number, l, vkey); err != nil {
			return "", fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := scanner.Err(); err != nil {
		return "", err
	}
	return e.end()
}

func (e *export) take(number int, l line, vkey string) error {
	switch {
	case number == 1:
		if l.Format != "remit-ledger-export-1" || len(l.Vkeys) == 0 || l.Vkeys[0] != vkey || l.Origin != e.keys.log.Name() {
			return errors.New("not an export of the log whose key was given")
		}
		for _, each := range l.Journals {
			j, err := newJournal(each.Vkey)
			if err != nil {
				return err
			}
			e.journals[each.Name] = j
		}
		return nil
	case l.Leaf != nil:
		return e.leaf(l)
	case l.Checkpoint != "":
		return e.checkpoint(l.Checkpoint)
	case l.Journal != "":
		j := e.journals[l.Journal]
		if j == nil {
			return fmt.Errorf("the journal %s is not in the header", l.Journal)
		}
		return j.take(l.Line)
	}
	return errors.New("a line of an unknown kind")
}

func (e *export) leaf(l line) error {
	if l.Leaf.Index != e.leaves {
		return fmt.Errorf("leaf %d should stand here", e.leaves)
	}
	added, err := tlog.StoredHashes(e.leaves, l.Leaf.Data, e)
	if err != nil {
		return err
	}
	e.stored = append(e.stored, added...)
	e.leaves++
	if len(l.Leaf.Body) == 0 {
		e.missing[l.Leaf.Index] = true
		return nil
	}
	// The line is canonical JSON, so the body stands in it exactly as it was committed to.
	sum := sha256.Sum256(append(append([]byte{}, l.Leaf.Salt...), l.Leaf.Body...))
	if len(l.Leaf.Salt) != 32 || !bytes.Equal(l.Leaf.Data, append([]byte{1}, sum[:]...)) {
		return fmt.Errorf("leaf %d: the body is not the one it commits to", l.Leaf.Index)
	}
	var b body
	if err := json.Unmarshal(l.Leaf.Body, &b); err != nil {
		return err
	}
	if b.Kind == "ledger.body-erased" && b.Facts.Leaf != nil {
		e.erased[*b.Facts.Leaf] = true
	}
	if b.Kind == "journal.pruned" {
		if j := e.journals[b.Facts.Journal]; j != nil {
			j.pruned[b.Facts.N] = b.Facts.Hash
		}
	}
	if b.Kind == "gateway.enrolled" {
		if err := e.name(b.Facts.Journal, ""); err != nil {
			return fmt.Errorf("leaf %d: %w", l.Leaf.Index, err)
		}
	}
	if b.Kind == "journal.anchored" {
		// A control node names its own journal with the first anchor of each run.
		if b.Facts.Vkey != "" {
			if err := e.name(b.Facts.Vkey, b.Facts.Journal); err != nil {
				return fmt.Errorf("leaf %d: %w", l.Leaf.Index, err)
			}
		}
		if j := e.journals[b.Facts.Journal]; j != nil {
			j.anchors[b.Facts.N] = b.Facts.Hash
		} else if there := e.elsewhere[b.Facts.Journal]; there != nil {
			if b.Facts.N > there.upto {
				there.upto = b.Facts.N
			}
		} else {
			return fmt.Errorf("leaf %d anchors a journal that is not here and that nobody named", l.Leaf.Index)
		}
	}
	return nil
}

// name takes the key of a journal that may be anchored from here on; it is the same for good.
func (e *export) name(vkey, wanted string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	name := verifier.Name()
	if wanted != "" && wanted != name {
		return fmt.Errorf("the journal %s is named with the key of %s", wanted, name)
	}
	known := ""
	if j := e.journals[name]; j != nil {
		known = j.vkey
	} else if there := e.elsewhere[name]; there != nil {
		known = there.vkey
	}
	if known != "" && known != vkey {
		return fmt.Errorf("the journal %s is named with another key than before", name)
	}
	if known == "" {
		e.elsewhere[name] = &elsewhere{vkey: vkey}
	}
	return nil
}

func (e *export) checkpoint(text string) error {
	// A log that lost entries goes on under a name of its own; heads of its earlier epochs are covered by the later ones.
	own := e.keys.log.Name()
	if at := strings.LastIndex(own, "/epoch-"); at > 0 && !strings.HasPrefix(text, own+"\n") && strings.HasPrefix(text, own[:at]) {
		return nil
	}
	tree, cosigned, err := e.keys.open([]byte(text))
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(e.leaves, e)
	if err != nil {
		return err
	}
	if tree.N != e.leaves || tree.Hash != root {
		return fmt.Errorf("the checkpoint of size %d is not that of the leaves before it", tree.N)
	}
	e.covered, e.last = tree.N, tree
	if cosigned {
		e.cosigned = tree.N
	}
	return nil
}

func (e *export) end() (string, error) {
	if e.leaves == 0 || e.covered < e.leaves {
		return "", fmt.Errorf("leaves from %d on are under no checkpoint", e.covered)
	}
	if e.keys.witness != nil && e.cosigned == 0 {
		return "", errors.New("the witness has cosigned no checkpoint")
	}
	for leaf := range e.missing {
		if !e.erased[leaf] {
			return "", fmt.Errorf("the body of leaf %d is missing and no entry says that it was erased", leaf)
		}
	}
	for name, j := range e.journals {
		if err := j.end(); err != nil {
			return "", fmt.Errorf("journal %s: %w", name, err)
		}
	}
	said := fmt.Sprintf("ok %d %s", e.last.N, e.last.Hash)
	var names []string
	for name := range e.elsewhere {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		said += fmt.Sprintf("; %s to line %d is vouched for, and not in this export", name, e.elsewhere[name].upto)
	}
	return said, nil
}

// A journal in an export.

type journal struct {
	name    string
	vkey    string
	key     ed25519.PublicKey
	n       int64
	sealed  int64
	hash    [32]byte
	anchors map[int64]string
	pruned  map[int64]string
}

func newJournal(vkey string) (*journal, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(vkey, "+", 3)[2])
	if err != nil || len(raw) != 33 {
		return nil, errors.New("malformed key of a journal")
	}
	start := sha256.Sum256([]byte("remit journal 1\n" + vkey + "\n"))
	return &journal{name: verifier.Name(), vkey: vkey, key: raw[1:], hash: start, anchors: map[int64]string{}, pruned: map[int64]string{}}, nil
}

func (j *journal) take(text string) error {
	var l struct {
		N    int64
		Type string
		Upto int64
		Hash string
		Sig  []byte
	}
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return err
	}
	if hash, ok := j.pruned[l.N-1]; ok && j.n == 0 {
		// The ledger says that the lines before were taken away, and with which hash the rest goes on.
		if err := j.skip(l.N-1, hash); err != nil {
			return err
		}
	}
	if l.N != j.n+1 {
		return fmt.Errorf("line %d of the journal %s should stand here", j.n+1, j.name)
	}
	if l.Type == "seal" {
		message := fmt.Sprintf("remit journal head 1\n%s\n%d\n%s\n", j.name, l.Upto, l.Hash)
		if l.Upto != j.n || l.Hash != hex.EncodeToString(j.hash[:]) || !ed25519.Verify(j.key, []byte(message), l.Sig) {
			return fmt.Errorf("the seal in line %d of the journal %s does not fit", l.N, j.name)
		}
		j.sealed = l.N
	}
	j.hash = sha256.Sum256(append(append([]byte{}, j.hash[:]...), text...))
	j.n = l.N
	if anchored, ok := j.anchors[j.n]; ok {
		if anchored != hex.EncodeToString(j.hash[:]) {
			return fmt.Errorf("line %d of the journal %s is not what the ledger anchors", j.n, j.name)
		}
		delete(j.anchors, j.n)
	}
	return nil
}

func (j *journal) skip(upto int64, hash string) error {
	raw, err := hex.DecodeString(hash)
	if err != nil || len(raw) != 32 {
		return errors.New("malformed hash of lines that were taken away")
	}
	for n, anchored := range j.anchors {
		if n == upto && anchored != hash {
			return fmt.Errorf("line %d of the journal %s is not what the ledger anchors", n, j.name)
		}
		if n <= upto {
			delete(j.anchors, n)
		}
	}
	j.n, j.sealed = upto, upto
	copy(j.hash[:], raw)
	return nil
}

func (j *journal) end() error {
	if j.n > j.sealed {
		return fmt.Errorf("lines from %d on are under no seal", j.sealed+1)
	}
	if len(j.anchors) > 0 {
		return errors.New("the ledger anchors lines that are not here")
	}
	return nil
}
