// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Serving} from "../Serving.sol";
import {Base, Sign, vm, Vm} from "./Base.sol";

/// @dev A second, plain account of what the contract should do, held against it after every step.
struct Model {
    bool exists;
    uint256 balance;
    uint256 settled;
    uint256 deposited;
    uint256 refunded;
    uint32 epoch;
    uint256 delegate; // a key; 0 for none
    bool waiting;
    uint256 next;
    uint256 activatesAt;
    uint256 pending;
    uint256 unlockAt;
    uint32 index;
}

/// @dev Does at random what users and providers can do, rightly and wrongly.
contract Handler {
    uint40 private constant LOCK = 1 days;
    uint256 private constant USERS = 3;
    uint256 private constant PROVIDERS = 2;
    uint256 private constant KEYS = 3;

    Serving public immutable serving;
    uint256 private clock;

    mapping(uint256 user => mapping(uint256 provider => Model)) private models;
    /// @dev The highest sum signed by a key that counted, by epoch.
    mapping(uint256 user => mapping(uint256 provider => mapping(uint32 epoch => uint256))) private signed;
    mapping(uint256 provider => uint256) public received;
    /// @dev Rows made before, to be sent again by whomever.
    bytes[] private old;
    /// @dev What has happened, so that a run that does nothing is noticed.
    mapping(bytes32 what => uint256) public count;

    constructor(Serving serving_) {
        serving = serving_;
        clock = vm.getBlockTimestamp();
        for (uint256 i = 0; i < USERS; ++i) {
            vm.deal(user(i), 1e30);
        }
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            vm.deal(provider(i), 1);
        }
    }

    function userKey(uint256 i) private pure returns (uint256) {
        return 100 + i;
    }

    function user(uint256 i) public pure returns (address) {
        return vm.addr(userKey(i));
    }

    function provider(uint256 i) public pure returns (address) {
        return vm.addr(200 + i);
    }

    function keyOf(uint256 seed) private pure returns (uint256) {
        return 300 + seed % KEYS;
    }

    /// @dev The fuzzer likes small numbers; hashing spreads them over all users and providers.
    function pick(uint256 seed) private view returns (uint256 u, uint256 p, Model storage m) {
        seed = uint256(keccak256(abi.encode(seed)));
        u = seed % USERS;
        p = (seed >> 64) % PROVIDERS;
        m = models[u][p];
    }

    // -------------------------------------------------------------------------------------------------- actions

    function deposit(uint256 seed, uint256 amount) external {
        (uint256 u, uint256 p, Model storage m) = pick(seed);
        amount = amount % 1000 + 1;
        vm.prank(user(u));
        if (m.exists) {
            serving.depositFund{value: amount}(provider(p));
        } else {
            m.exists = true;
            m.delegate = seed % 5 == 0 ? 0 : keyOf(seed >> 128);
            serving.addAccount{value: amount}(provider(p), m.delegate == 0 ? address(0) : vm.addr(m.delegate));
        }
        m.balance += amount;
        m.deposited += amount;
        check();
    }

    function setDelegate(uint256 seed) external {
        (uint256 u, uint256 p, Model storage m) = pick(seed);
        if (!m.exists) return;
        uint256 key = seed % 4 == 0 ? 0 : keyOf(seed >> 128);
        if (m.delegate == 0 && !m.waiting) {
            m.delegate = key;
        } else {
            m.waiting = true;
            m.next = key;
            m.activatesAt = clock + LOCK;
            ++count["rotation"];
        }
        vm.prank(user(u));
        serving.setDelegate(provider(p), key == 0 ? address(0) : vm.addr(key));
        check();
    }

    function requestRefund(uint256 seed, uint256 amount) external {
        (uint256 u, uint256 p, Model storage m) = pick(seed);
        if (!m.exists || m.balance == 0) return;
        amount = amount % m.balance + 1;
        if (m.pending == 0) ++m.index;
        if (amount > m.pending) m.unlockAt = clock + LOCK;
        m.pending = amount;
        vm.prank(user(u));
        serving.requestRefund(provider(p), uint112(amount));
        check();
    }

    function cancelRefund(uint256 seed) external {
        (uint256 u, uint256 p, Model storage m) = pick(seed);
        if (m.pending == 0) return;
        m.pending = 0;
        m.unlockAt = 0;
        vm.prank(user(u));
        serving.cancelRefund(provider(p));
        check();
    }

    function processRefund(uint256 seed) external {
        (uint256 u, uint256 p, Model storage m) = pick(seed);
        uint256 before = user(u).balance;
        vm.prank(user(u));
        try serving.processRefund(provider(p)) {
            vm.assertTrue(m.pending != 0 && clock >= m.unlockAt, "refund was due");
            uint256 amount = m.pending < m.balance ? m.pending : m.balance;
            vm.assertEq(user(u).balance - before, amount, "refund paid");
            m.balance -= amount;
            m.refunded += amount;
            m.pending = 0;
            m.unlockAt = 0;
            ++count["refund"];
        } catch {
            vm.assertTrue(m.pending == 0 || clock < m.unlockAt, "refund was not due");
        }
        check();
    }

    function wait(uint256 time) external {
        clock += time % (LOCK + LOCK / 2);
        vm.warp(clock);
        for (uint256 u = 0; u < USERS; ++u) {
            for (uint256 p = 0; p < PROVIDERS; ++p) {
                Model storage m = models[u][p];
                if (m.waiting && clock >= m.activatesAt) {
                    (m.waiting, m.delegate) = (false, m.next);
                    ++m.epoch;
                    ++count["rotated"];
                }
            }
        }
        check();
    }

    /// @dev A batch of good, bad, stale and stolen rows; then the same once more.
    function settle(uint256 seed) external {
        seed = uint256(keccak256(abi.encode(seed)));
        uint256 p = seed % PROVIDERS;
        bytes memory rows;
        uint256 want;
        uint256 length = 1 + (seed >> 8) % 6;
        for (uint256 i = 0; i < length; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            (bytes memory row, uint256 pays) = makeRow(seed, p);
            rows = bytes.concat(rows, row);
            want += pays;
        }
        uint256 before = provider(p).balance;
        vm.prank(provider(p));
        vm.assertEq(serving.settleFees(rows), want, "I6: each row pays its own");
        vm.assertEq(provider(p).balance - before, want, "transferred");
        received[p] += want;
        if (want != 0) ++count["paid"];

        vm.prank(provider(p));
        vm.assertEq(serving.settleFees(rows), 0, "I4: applied again, paid nothing");
        check();
    }

    struct Note {
        uint256 user;
        uint256 provider;
        uint32 epoch;
        uint256 key; // 0 when the signature was spoilt
        uint256 cumulative;
        uint256 claim;
    }

    function makeRow(uint256 seed, uint256 p) private returns (bytes memory row, uint256 pays) {
        uint256 kind = (seed >> 16) % 10;
        if (kind == 0 && old.length != 0) return predict(old[(seed >> 32) % old.length], p);

        Note memory n = plan(seed, p, kind);
        bytes32 domain = Sign.separator(vm.getChainId(), address(serving));
        bytes32 digest = Sign.digest(domain, user(n.user), provider(n.provider), n.epoch, uint128(n.cumulative));
        (bytes32 r, bytes32 vs) = Sign.compact(n.key, digest);
        if (kind == 7) {
            vs = bytes32(uint256(vs) ^ (1 << 255));
            n.key = 0;
        }
        if (kind == 8 && seed % 2 == 0) {
            r = bytes32(uint256(r) ^ (1 << ((seed >> 104) % 256)));
            n.key = 0;
        }
        row = Sign.row(user(n.user), uint112(n.cumulative), uint112(n.claim), r, vs);
        notes[keccak256(row)] = n;
        old.push(row);
        return predict(row, p);
    }

    function plan(uint256 seed, uint256 p, uint256 kind) private view returns (Note memory n) {
        n.user = (seed >> 24) % USERS;
        Model storage m = models[n.user][p];
        n.key = userKey(n.user);
        if (kind <= 3 && m.delegate != 0) n.key = m.delegate;
        if (kind == 4) n.key = keyOf(seed >> 40);
        n.epoch = kind == 5 ? uint32((seed >> 48) % 4) : m.epoch;
        n.provider = kind == 6 ? 1 - p : p;
        n.cumulative = m.settled + (seed >> 64) % 400;
        if (n.cumulative > 100) n.cumulative -= 100;
        n.claim = n.cumulative + 30;
        if ((seed >> 88) % 2 == 0) n.claim -= (seed >> 96) % 60 % n.claim;
    }

    mapping(bytes32 row => Note) private notes;

    /// @dev What a row should do when `p` sends it now.
    function predict(bytes memory row, uint256 p) private returns (bytes memory, uint256 pays) {
        Note memory n = notes[keccak256(row)];
        Model storage m = models[n.user][p];
        bool good = m.exists && n.provider == p && n.epoch == m.epoch && n.key != 0
            && (n.key == userKey(n.user) || n.key == m.delegate);
        if (!good) {
            ++count["bad row"];
            return (row, 0);
        }
        if (n.cumulative > signed[n.user][p][m.epoch]) signed[n.user][p][m.epoch] = n.cumulative;
        uint256 claim = n.claim < n.cumulative ? n.claim : n.cumulative;
        if (claim <= m.settled) return (row, 0);
        pays = claim - m.settled;
        if (pays > m.balance) pays = m.balance;
        if (pays == 0) return (row, 0);
        if (m.pending > m.balance - pays) ++count["ate refund"];
        m.balance -= pays;
        m.settled += pays;
        vm.assertLe(m.settled, signed[n.user][p][m.epoch], "I3: paid at most what was signed in the epoch");
        return (row, pays);
    }

    // --------------------------------------------------------------------------------------------------- checks

    /// @dev I1, I2 and I5 follow from equality with the model, whose `settled` only ever grows; they are stated
    /// again in terms of the contract's own figures.
    function check() public view {
        uint256 held;
        uint256 deposited;
        uint256 settled;
        uint256 refunded;
        for (uint256 p = 0; p < PROVIDERS; ++p) {
            uint256 providerSettled;
            for (uint256 u = 0; u < USERS; ++u) {
                Model storage m = models[u][p];
                if (!m.exists) continue;
                Serving.AccountView memory account = serving.getAccount(user(u), provider(p));
                checkAccount(account, m);
                vm.assertEq(
                    m.deposited, account.balance + account.settled + m.refunded, "I1: deposits of the account"
                );
                held += account.balance;
                deposited += m.deposited;
                refunded += m.refunded;
                providerSettled += account.settled;
            }
            settled += providerSettled;
            vm.assertEq(providerSettled, received[p], "received is what was settled");
        }
        vm.assertEq(address(serving).balance, held, "I1: held is the sum of balances");
        vm.assertEq(deposited, held + settled + refunded, "I1: all deposits");
        vm.assertLe(settled + refunded, deposited, "I5: never more out than in");
    }

    function checkAccount(Serving.AccountView memory account, Model storage m) private view {
        vm.assertEq(account.balance, m.balance, "balance");
        vm.assertEq(account.settled, m.settled, "I2: settled");
        vm.assertEq(account.epoch, m.epoch, "epoch");
        vm.assertEq(account.delegate, m.delegate == 0 ? address(0) : vm.addr(m.delegate), "delegate");
        vm.assertEq(
            account.nextDelegate, m.waiting && m.next != 0 ? vm.addr(m.next) : address(0), "next delegate"
        );
        vm.assertEq(account.activatesAt, m.waiting ? m.activatesAt : 0, "activates at");
        vm.assertEq(account.pendingRefund, m.pending, "pending");
        vm.assertEq(account.unlockAt, m.unlockAt, "unlock at");
        vm.assertEq(account.refundIndex, m.index, "refund index");
    }
}

contract InvariantTest is Base {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler private handler;

    function setUp() public override {
        super.setUp();
        handler = new Handler(serving);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev Settlement and waiting come up more often than the rest.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](7);
        selectors[0] = Handler.deposit.selector;
        selectors[1] = Handler.setDelegate.selector;
        selectors[2] = Handler.requestRefund.selector;
        selectors[3] = Handler.cancelRefund.selector;
        selectors[4] = Handler.processRefund.selector;
        selectors[5] = Handler.wait.selector;
        selectors[6] = Handler.settle.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function invariant_money() external view {
        handler.check();
    }

    /// @dev A fixed walk reaches everything worth checking, and its events alone tell the state of every account.
    function test_walk() external {
        Replay replay = new Replay(LOCK);
        vm.recordLogs();
        uint256 seed = 7;
        for (uint256 i = 0; i < 600; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 more = uint256(keccak256(abi.encode(seed, "more")));
            uint256 what = (seed >> 200) % 9;
            if (what == 0) handler.deposit(seed, more);
            else if (what == 1) handler.setDelegate(seed);
            else if (what == 2) handler.requestRefund(seed, more);
            else if (what == 3) handler.processRefund(seed);
            else if (what == 4) handler.wait(seed);
            else if (what == 5 && seed % 3 == 0) handler.cancelRefund(seed);
            else handler.settle(seed);
            feed(replay);
        }
        vm.assertTrue(handler.count("paid") > 20, "paid");
        vm.assertTrue(handler.count("bad row") > 100, "bad rows");
        vm.assertTrue(handler.count("ate refund") > 5, "refunds eaten");
        vm.assertTrue(handler.count("refund") > 5, "refunds taken");
        vm.assertTrue(handler.count("rotated") > 5, "rotations");

        for (uint256 p = 0; p < 2; ++p) {
            (Serving.AccountView[] memory page, uint256 total) =
                serving.getAccountsByProvider(handler.provider(p), 0, 100);
            vm.assertEq(total, 3, "all accounts came to be");
            for (uint256 i = 0; i < page.length; ++i) {
                bytes memory rebuilt = abi.encode(replay.account(page[i].user, page[i].provider));
                vm.assertEq(rebuilt, abi.encode(page[i]), "rebuilt from events");
            }
        }
    }

    function feed(Replay replay) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter == address(serving)) replay.read(logs[i].topics, logs[i].data);
        }
    }
}

/// @dev Rebuilds accounts from events and the times of their blocks, as a broker does.
contract Replay {
    uint40 private immutable lockTime;
    mapping(address user => mapping(address provider => Serving.AccountView)) private accounts;
    mapping(address user => mapping(address provider => uint32)) private nextEpoch;

    constructor(uint40 lockTime_) {
        lockTime = lockTime_;
    }

    /// @dev A change of delegate waits until its time has come, without any event.
    function account(address user, address provider) public view returns (Serving.AccountView memory a) {
        a = accounts[user][provider];
        if (a.activatesAt != 0 && vm.getBlockTimestamp() >= a.activatesAt) {
            (a.delegate, a.epoch) = (a.nextDelegate, nextEpoch[user][provider]);
            (a.nextDelegate, a.activatesAt) = (address(0), 0);
        }
    }

    function read(bytes32[] memory topics, bytes memory data) external {
        address user = address(uint160(uint256(topics[1])));
        address provider = address(uint160(uint256(topics[2])));
        Serving.AccountView storage a = accounts[user][provider];
        bytes32 what = topics[0];
        if (what == Serving.AccountAdded.selector) {
            (a.user, a.provider) = (user, provider);
            (a.delegate, a.balance) = abi.decode(data, (address, uint112));
        } else if (what == Serving.Deposited.selector) {
            (, a.balance) = abi.decode(data, (uint112, uint112));
        } else if (what == Serving.DelegateChanged.selector) {
            readDelegate(user, provider, data);
        } else if (what == Serving.RefundRequested.selector) {
            (a.refundIndex, a.pendingRefund, a.unlockAt) = abi.decode(data, (uint32, uint112, uint40));
            a.refundCreatedAt = a.unlockAt - lockTime;
        } else if (what == Serving.RefundCanceled.selector || what == Serving.RefundProcessed.selector) {
            (a.pendingRefund, a.unlockAt, a.refundCreatedAt) = (0, 0, 0);
            if (what == Serving.RefundProcessed.selector) {
                (,, a.balance) = abi.decode(data, (uint32, uint112, uint112));
            }
        } else {
            require(what == Serving.Settled.selector, "unknown event");
            uint112 paid;
            (paid, a.settled) = abi.decode(data, (uint112, uint112));
            a.balance -= paid;
        }
    }

    /// @dev What has come due by now is history; the new change counts from its own time on, be that now or later.
    function readDelegate(address user, address provider, bytes memory data) private {
        accounts[user][provider] = account(user, provider);
        Serving.AccountView storage a = accounts[user][provider];
        (a.nextDelegate, nextEpoch[user][provider], a.activatesAt) = abi.decode(data, (address, uint32, uint40));
    }
}
