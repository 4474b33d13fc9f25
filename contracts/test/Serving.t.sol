// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Serving} from "../Serving.sol";
import {Base, Sign, ORDER, vm, Vm} from "./Base.sol";

uint112 constant MAX = type(uint112).max;

/// @dev Accounts and the delegates of accounts.
contract AccountTest is Base {
    address private user;
    address private provider;
    address private delegate = vm.addr(0xD1);
    address private other = vm.addr(0xD2);

    function setUp() public override {
        super.setUp();
        user = person(1);
        provider = person(2);
    }

    function test_lockTime() public {
        vm.assertEq(serving.lockTime(), LOCK, "lock time");
        vm.assertEq(deploy(365 days).lockTime(), 365 days, "longest");
        vm.assertEq(deploy(0).lockTime(), 0, "none");
        vm.expectRevert(Serving.LockTimeTooLong.selector);
        this.deployOutside(365 days + 1);
    }

    function test_addAccount() public {
        vm.expectEmit(address(serving));
        emit Serving.AccountAdded(user, provider, delegate, 5);
        open(user, provider, delegate, 5);

        Serving.AccountView memory account = serving.getAccount(user, provider);
        vm.assertEq(account.user, user, "user");
        vm.assertEq(account.provider, provider, "provider");
        vm.assertEq(account.balance, 5, "balance");
        vm.assertEq(account.settled, 0, "settled");
        vm.assertEq(account.epoch, 0, "epoch");
        vm.assertEq(account.delegate, delegate, "delegate");
        vm.assertEq(account.nextDelegate, address(0), "next delegate");
        vm.assertEq(account.activatesAt, 0, "activates at");
        vm.assertEq(account.pendingRefund, 0, "pending");
        vm.assertEq(account.refundCreatedAt, 0, "created at");
        vm.assertEq(account.unlockAt, 0, "unlock at");
        vm.assertEq(account.refundIndex, 0, "refund index");
        vm.assertEq(address(serving).balance, 5, "held");
    }

    function test_addAccount_withoutDelegate() public {
        vm.expectEmit(address(serving));
        emit Serving.AccountAdded(user, provider, address(0), 1);
        open(user, provider, address(0), 1);
        vm.assertEq(serving.getAccount(user, provider).delegate, address(0), "delegate");
    }

    function test_addAccount_reverts() public {
        vm.expectRevert(Serving.ZeroAddress.selector);
        open(user, address(0), delegate, 1);
        vm.expectRevert(Serving.ZeroAmount.selector);
        open(user, provider, delegate, 0);
        vm.deal(user, type(uint256).max);
        vm.expectRevert(Serving.AmountTooLarge.selector);
        open(user, provider, delegate, uint256(MAX) + 1);

        open(user, provider, delegate, 1);
        vm.expectRevert(abi.encodeWithSelector(Serving.AccountExists.selector, user, provider));
        open(user, provider, delegate, 1);
    }

    function test_addAccount_afterEmptying_isRefused() public {
        open(user, provider, address(0), 1);
        settle(provider, signedRow(1, user, provider, 0, 1, 1));
        vm.expectRevert(abi.encodeWithSelector(Serving.AccountExists.selector, user, provider));
        open(user, provider, address(0), 1);
        vm.prank(user);
        serving.depositFund{value: 7}(provider);
        vm.assertEq(serving.getAccount(user, provider).settled, 1, "settled survives emptying");
        vm.assertEq(settle(provider, signedRow(1, user, provider, 0, 1, 1)), 0, "settled voucher stays settled");
    }

    function test_depositFund() public {
        open(user, provider, delegate, 5);
        vm.expectEmit(address(serving));
        emit Serving.Deposited(user, provider, 7, 12);
        vm.prank(user);
        serving.depositFund{value: 7}(provider);
        vm.assertEq(serving.getAccount(user, provider).balance, 12, "balance");
        vm.assertEq(serving.getAccount(user, provider).delegate, delegate, "delegate untouched");
    }

    function test_depositFund_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(Serving.AccountNotFound.selector, user, provider));
        vm.prank(user);
        serving.depositFund{value: 1}(provider);
        open(user, provider, delegate, 5);
        vm.expectRevert(Serving.ZeroAmount.selector);
        vm.prank(user);
        serving.depositFund(provider);
    }

    function test_deposits_fitTogetherWithWhatWasSettled() public {
        vm.deal(user, type(uint256).max);
        open(user, provider, address(0), 10);
        settle(provider, signedRow(1, user, provider, 0, 4, 4));
        // 6 left and 4 settled.
        vm.expectRevert(Serving.AmountTooLarge.selector);
        vm.prank(user);
        serving.depositFund{value: MAX - 9}(provider);
        vm.expectRevert(Serving.AmountTooLarge.selector);
        vm.prank(user);
        serving.depositFund{value: 1 << 200}(provider);
        vm.prank(user);
        serving.depositFund{value: MAX - 10}(provider);
        vm.expectRevert(Serving.AmountTooLarge.selector);
        vm.prank(user);
        serving.depositFund{value: 1}(provider);
        // Everything can be settled, and then nothing more can ever be put in.
        vm.assertEq(settle(provider, signedRow(1, user, provider, 0, MAX, MAX)), MAX - 4, "all of it");
        vm.assertEq(serving.getAccount(user, provider).settled, MAX, "settled");
        vm.expectRevert(Serving.AmountTooLarge.selector);
        vm.prank(user);
        serving.depositFund{value: 1}(provider);
    }

    function test_addAccount_atTheLimit() public {
        vm.deal(user, type(uint256).max);
        open(user, provider, address(0), MAX);
        vm.assertEq(serving.getAccount(user, provider).balance, MAX, "balance");
    }

    function test_plainTransferAndUnknownCall_revert() public {
        vm.prank(user);
        (bool ok,) = address(serving).call{value: 1}("");
        vm.assertTrue(!ok, "plain transfer");
        vm.prank(user);
        (ok,) = address(serving).call(hex"12345678");
        vm.assertTrue(!ok, "unknown function");
    }

    function test_getAccount_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(Serving.AccountNotFound.selector, user, provider));
        serving.getAccount(user, provider);
    }

    // ---------------------------------------------------------------------------------------------- delegates

    function setDelegate(address to) private {
        vm.prank(user);
        serving.setDelegate(provider, to);
    }

    function assertDelegate(uint32 epoch, address now_, address next, uint256 activatesAt) private view {
        Serving.AccountView memory account = serving.getAccount(user, provider);
        vm.assertEq(account.epoch, epoch, "epoch");
        vm.assertEq(account.delegate, now_, "delegate");
        vm.assertEq(account.nextDelegate, next, "next delegate");
        vm.assertEq(account.activatesAt, activatesAt, "activates at");
    }

    function test_setDelegate_needsAccount() public {
        vm.expectRevert(abi.encodeWithSelector(Serving.AccountNotFound.selector, user, provider));
        setDelegate(delegate);
    }

    function test_setDelegate_firstOne_atOnce() public {
        open(user, provider, address(0), 100);
        vm.expectEmit(address(serving));
        emit Serving.DelegateChanged(user, provider, delegate, 0, uint40(START));
        setDelegate(delegate);
        assertDelegate(0, delegate, address(0), 0);
        vm.assertEq(settle(provider, signedRow(0xD1, user, provider, 0, 1, 1)), 1, "delegate signs");
        vm.assertEq(settle(provider, signedRow(1, user, provider, 0, 2, 2)), 1, "so does the user");
    }

    function test_setDelegate_noneToNone() public {
        open(user, provider, address(0), 100);
        vm.expectEmit(address(serving));
        emit Serving.DelegateChanged(user, provider, address(0), 0, uint40(START));
        setDelegate(address(0));
        assertDelegate(0, address(0), address(0), 0);
    }

    function test_setDelegate_rotation() public {
        open(user, provider, delegate, 100);
        vm.expectEmit(address(serving));
        emit Serving.DelegateChanged(user, provider, other, 1, uint40(START) + LOCK);
        setDelegate(other);
        assertDelegate(0, delegate, other, START + LOCK);

        // Until the last second the old key and the old epoch count, the new ones do not.
        vm.warp(START + LOCK - 1);
        assertDelegate(0, delegate, other, START + LOCK);
        vm.assertEq(settle(provider, signedRow(0xD2, user, provider, 1, 50, 50)), 0, "new key, too early");
        vm.assertEq(settle(provider, signedRow(0xD2, user, provider, 0, 50, 50)), 0, "new key, old epoch");
        vm.assertEq(settle(provider, signedRow(1, user, provider, 1, 50, 50)), 0, "user, new epoch, too early");
        vm.assertEq(settle(provider, signedRow(0xD1, user, provider, 0, 10, 10)), 10, "old key");
        vm.assertEq(settle(provider, signedRow(1, user, provider, 0, 11, 11)), 1, "user");

        // From activatesAt on it is the other way round, with nothing written.
        vm.warp(START + LOCK);
        assertDelegate(1, other, address(0), 0);
        vm.assertEq(settle(provider, signedRow(0xD1, user, provider, 0, 50, 50)), 0, "old key, old epoch");
        vm.assertEq(settle(provider, signedRow(0xD1, user, provider, 1, 50, 50)), 0, "old key, new epoch");
        vm.assertEq(settle(provider, signedRow(0xD2, user, provider, 0, 50, 50)), 0, "new key, old epoch");
        vm.assertEq(settle(provider, signedRow(1, user, provider, 0, 50, 50)), 0, "user, old epoch");
        vm.assertEq(settle(provider, signedRow(0xD2, user, provider, 1, 20, 20)), 9, "new key");
        vm.assertEq(settle(provider, signedRow(1, user, provider, 1, 21, 21)), 1, "user");
        assertDelegate(1, other, address(0), 0);
    }

    function test_setDelegate_again_afterRotation() public {
        open(user, provider, delegate, 100);
        setDelegate(other);
        vm.warp(START + LOCK);
        vm.expectEmit(address(serving));
        emit Serving.DelegateChanged(user, provider, delegate, 2, uint40(START) + 2 * LOCK);
        setDelegate(delegate);
        assertDelegate(1, other, delegate, START + 2 * LOCK);
        vm.assertEq(settle(provider, signedRow(0xD2, user, provider, 1, 20, 20)), 20, "key of epoch 1");
        vm.warp(START + 2 * LOCK);
        assertDelegate(2, delegate, address(0), 0);
        vm.assertEq(settle(provider, signedRow(0xD1, user, provider, 0, 30, 30)), 0, "same key, epoch 0");
        vm.assertEq(settle(provider, signedRow(0xD1, user, provider, 2, 30, 30)), 10, "same key, epoch 2");
    }

    function test_setDelegate_again_beforeRotation_replacesAndWaitsAnew() public {
        open(user, provider, delegate, 100);
        setDelegate(other);
        vm.warp(START + LOCK - 1);
        setDelegate(user);
        assertDelegate(0, delegate, user, START + 2 * LOCK - 1);
        vm.warp(START + LOCK);
        assertDelegate(0, delegate, user, START + 2 * LOCK - 1);
        vm.assertEq(settle(provider, signedRow(0xD2, user, provider, 1, 20, 20)), 0, "replaced key");
        vm.warp(START + 2 * LOCK - 1);
        assertDelegate(1, user, address(0), 0);
    }

    function test_setDelegate_sameKey_beginsEpoch() public {
        open(user, provider, delegate, 100);
        setDelegate(delegate);
        vm.warp(START + LOCK);
        assertDelegate(1, delegate, address(0), 0);
        vm.assertEq(settle(provider, signedRow(0xD1, user, provider, 0, 20, 20)), 0, "epoch 0");
        vm.assertEq(settle(provider, signedRow(0xD1, user, provider, 1, 20, 20)), 20, "epoch 1");
    }

    function test_setDelegate_removal() public {
        open(user, provider, delegate, 100);
        vm.expectEmit(address(serving));
        emit Serving.DelegateChanged(user, provider, address(0), 1, uint40(START) + LOCK);
        setDelegate(address(0));
        assertDelegate(0, delegate, address(0), START + LOCK);
        vm.assertEq(settle(provider, signedRow(0xD1, user, provider, 0, 1, 1)), 1, "until then");
        vm.warp(START + LOCK);
        assertDelegate(1, address(0), address(0), 0);
        vm.assertEq(settle(provider, signedRow(0xD1, user, provider, 1, 20, 20)), 0, "removed key");
        vm.assertEq(settle(provider, signedRow(1, user, provider, 1, 20, 20)), 19, "user");
        // None is left, so the next one comes at once and keeps the epoch.
        setDelegate(other);
        assertDelegate(1, other, address(0), 0);
        vm.assertEq(settle(provider, signedRow(0xD2, user, provider, 1, 21, 21)), 1, "next key");
    }

    function test_setDelegate_whileRemovalWaits_isARotation() public {
        open(user, provider, delegate, 100);
        setDelegate(address(0));
        setDelegate(other);
        assertDelegate(0, delegate, other, START + LOCK);
    }

    function test_setDelegate_removed_malformedSignatureIsNotTheZeroKey() public {
        open(user, provider, delegate, 100);
        setDelegate(address(0));
        vm.warp(START + LOCK);
        vm.assertEq(settle(provider, Sign.row(user, 5, 5, bytes32(0), bytes32(0))), 0, "zero signer");
    }

    function test_setDelegate_lastEpoch() public {
        open(user, provider, delegate, 100);
        bytes32 inner = keccak256(abi.encode(user, uint256(0)));
        bytes32 slot = keccak256(abi.encode(provider, inner));
        bytes32 word = vm.load(address(serving), slot);
        vm.assertEq(uint112(uint256(word)), 100, "layout: balance comes first");
        vm.store(address(serving), slot, word | bytes32(uint256(type(uint24).max - 1) << 224));
        assertDelegate(type(uint24).max - 1, delegate, address(0), 0);
        setDelegate(other);
        vm.warp(START + LOCK);
        assertDelegate(type(uint24).max, other, address(0), 0);
        vm.assertEq(settle(provider, signedRow(0xD2, user, provider, type(uint24).max, 1, 1)), 1, "last epoch");
        vm.expectRevert(Serving.EpochsExhausted.selector);
        setDelegate(delegate);
    }

    function test_setDelegate_concernsOneProviderOnly() public {
        address second = person(3);
        open(user, provider, delegate, 100);
        open(user, second, delegate, 100);
        setDelegate(other);
        vm.warp(START + LOCK);
        vm.assertEq(settle(second, signedRow(0xD1, user, second, 0, 5, 5)), 5, "untouched");
    }
}

contract RefundTest is Base {
    address private user;
    address private provider;

    function setUp() public override {
        super.setUp();
        user = person(1);
        provider = person(2);
        open(user, provider, address(0), 100);
    }

    function request(uint112 amount) private {
        vm.prank(user);
        serving.requestRefund(provider, amount);
    }

    function process() private {
        vm.prank(user);
        serving.processRefund(provider);
    }

    function assertRefund(uint256 balance, uint256 pending, uint256 created, uint256 unlock, uint256 index)
        private
        view
    {
        Serving.AccountView memory account = serving.getAccount(user, provider);
        vm.assertEq(account.balance, balance, "balance");
        vm.assertEq(account.pendingRefund, pending, "pending");
        vm.assertEq(account.refundCreatedAt, created, "created at");
        vm.assertEq(account.unlockAt, unlock, "unlock at");
        vm.assertEq(account.refundIndex, index, "index");
    }

    function test_request_raise_lower() public {
        vm.expectEmit(address(serving));
        emit Serving.RefundRequested(user, provider, 1, 40, uint40(START) + LOCK);
        request(40);
        assertRefund(100, 40, START, START + LOCK, 1);

        vm.warp(START + 10);
        vm.expectEmit(address(serving));
        emit Serving.RefundRequested(user, provider, 1, 30, uint40(START) + LOCK);
        request(30); // lower: same clock
        assertRefund(100, 30, START, START + LOCK, 1);
        request(30); // same: same clock
        assertRefund(100, 30, START, START + LOCK, 1);

        vm.expectEmit(address(serving));
        emit Serving.RefundRequested(user, provider, 1, 31, uint40(START) + 10 + LOCK);
        request(31); // raised: new clock, even though 40 was asked for once
        assertRefund(100, 31, START + 10, START + 10 + LOCK, 1);
    }

    function test_request_limits() public {
        vm.expectRevert(Serving.ZeroAmount.selector);
        request(0);
        vm.expectRevert(abi.encodeWithSelector(Serving.InsufficientBalance.selector, user, provider, uint112(100)));
        request(101);
        request(100);
        assertRefund(100, 100, START, START + LOCK, 1);
        vm.expectRevert(abi.encodeWithSelector(Serving.AccountNotFound.selector, provider, provider));
        vm.prank(provider);
        serving.requestRefund(provider, 1);
    }

    function test_cancel() public {
        vm.expectRevert(abi.encodeWithSelector(Serving.RefundNotFound.selector, user, provider));
        vm.prank(user);
        serving.cancelRefund(provider);
        request(40);
        vm.expectEmit(address(serving));
        emit Serving.RefundCanceled(user, provider, 1, 40);
        vm.prank(user);
        serving.cancelRefund(provider);
        assertRefund(100, 0, 0, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(Serving.RefundNotFound.selector, user, provider));
        process();
        vm.expectRevert(abi.encodeWithSelector(Serving.AccountNotFound.selector, provider, provider));
        vm.prank(provider);
        serving.cancelRefund(provider);
        // A cancelled refund leaves no clock behind.
        vm.warp(START + 10);
        request(40);
        assertRefund(100, 40, START + 10, START + 10 + LOCK, 2);
    }

    function test_process() public {
        request(40);
        vm.warp(START + LOCK - 1);
        vm.expectRevert(
            abi.encodeWithSelector(Serving.RefundLocked.selector, user, provider, uint40(START) + LOCK)
        );
        process();
        vm.warp(START + LOCK);
        uint256 before = user.balance;
        vm.expectEmit(address(serving));
        emit Serving.RefundProcessed(user, provider, 1, 40, 60);
        process();
        vm.assertEq(user.balance - before, 40, "received");
        assertRefund(60, 0, 0, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(Serving.RefundNotFound.selector, user, provider));
        process();
        vm.expectRevert(abi.encodeWithSelector(Serving.AccountNotFound.selector, provider, provider));
        vm.prank(provider);
        serving.processRefund(provider);
    }

    function test_settlementGoesFirst() public {
        request(100);
        vm.assertEq(settle(provider, signedRow(1, user, provider, 0, 70, 70)), 70, "settled in the lock");
        assertRefund(30, 100, START, START + LOCK, 1);
        vm.warp(START + LOCK);
        uint256 before = user.balance;
        vm.expectEmit(address(serving));
        emit Serving.RefundProcessed(user, provider, 1, 30, 0);
        process();
        vm.assertEq(user.balance - before, 30, "what is left");
    }

    function test_settlementTakesAll() public {
        request(100);
        vm.warp(START + LOCK); // settlement is not bound to the lock: it wins if it comes first
        settle(provider, signedRow(1, user, provider, 0, 100, 100));
        uint256 before = user.balance;
        vm.expectEmit(address(serving));
        emit Serving.RefundProcessed(user, provider, 1, 0, 0);
        process();
        vm.assertEq(user.balance - before, 0, "nothing is left");
        assertRefund(0, 0, 0, 0, 1);
    }

    function test_depositAfterRequest_isNotRefunded() public {
        request(100);
        vm.prank(user);
        serving.depositFund{value: 50}(provider);
        vm.warp(START + LOCK);
        process();
        assertRefund(50, 0, 0, 0, 1);
    }

    function test_onlyOwnAccount() public {
        address thief = person(9);
        request(100);
        vm.warp(START + LOCK);
        vm.expectRevert(abi.encodeWithSelector(Serving.AccountNotFound.selector, thief, provider));
        vm.prank(thief);
        serving.processRefund(provider);
    }

    function testFuzz_refundAndSettlement_neverPayMoreThanDeposited(
        uint112 asked,
        uint112 claimed,
        bool settleFirst,
        uint112 more
    ) public {
        asked = uint112(1 + (asked % 100));
        claimed = uint112(1 + (claimed % 200));
        more = more % 1000;
        uint256 userBefore = user.balance;
        uint256 providerBefore = provider.balance;
        request(asked);
        vm.warp(START + LOCK);
        bytes memory row = signedRow(1, user, provider, 0, claimed, claimed);
        if (settleFirst) settle(provider, row);
        process();
        if (!settleFirst) settle(provider, row);
        if (more != 0) {
            vm.prank(user);
            serving.depositFund{value: more}(provider);
        }
        uint256 paid = provider.balance - providerBefore;
        vm.assertLe(paid, claimed, "paid");
        Serving.AccountView memory account = serving.getAccount(user, provider);
        vm.assertEq(account.settled, paid, "settled");
        vm.assertEq(user.balance + account.balance + paid, userBefore + 100, "money");
        vm.assertEq(address(serving).balance, account.balance, "held");
    }
}

contract SettleTest is Base {
    address private user;
    address private provider;
    uint112 private constant DEPOSIT = 1000;

    function setUp() public override {
        super.setUp();
        user = person(1);
        provider = person(2);
        open(user, provider, vm.addr(0xD1), DEPOSIT);
    }

    function row(uint112 cumulative, uint112 claim) private view returns (bytes memory) {
        return signedRow(1, user, provider, 0, cumulative, claim);
    }

    function settled() private view returns (uint256) {
        return serving.getAccount(user, provider).settled;
    }

    function test_domain() public view {
        bytes32 domain = Sign.separator(vm.getChainId(), address(serving));
        vm.assertEq(serving.domainSeparator(), domain, "separator");
        vm.assertEq(
            serving.voucherDigest(user, provider, 3, type(uint128).max),
            Sign.digest(domain, user, provider, 3, type(uint128).max),
            "digest"
        );
    }

    function testFuzz_digest(address u, address p, uint32 epoch, uint128 cumulative) public view {
        bytes32 domain = Sign.separator(vm.getChainId(), address(serving));
        vm.assertEq(
            serving.voucherDigest(u, p, epoch, cumulative), Sign.digest(domain, u, p, epoch, cumulative), "digest"
        );
    }

    function test_pays() public {
        uint256 before = provider.balance;
        vm.expectEmit(address(serving));
        emit Serving.Settled(user, provider, 300, 300);
        vm.assertEq(settle(provider, row(300, 300)), 300, "total");
        vm.assertEq(provider.balance - before, 300, "received");
        vm.expectEmit(address(serving));
        emit Serving.Settled(user, provider, 200, 500);
        vm.assertEq(settle(provider, signedRow(0xD1, user, provider, 0, 500, 500)), 200, "difference, by delegate");
        vm.assertEq(serving.getAccount(user, provider).balance, 500, "balance");
        vm.assertEq(settled(), 500, "settled");
    }

    function test_boundaries() public {
        settle(provider, row(300, 300));
        vm.assertEq(settle(provider, row(0, 0)), 0, "zero");
        vm.assertEq(settle(provider, row(299, 299)), 0, "below");
        vm.assertEq(settle(provider, row(300, 300)), 0, "same");
        vm.assertEq(settle(provider, row(300, 301)), 0, "claim above an exhausted voucher");
        vm.assertEq(settle(provider, row(MAX, 300)), 0, "claim at settled");
        vm.assertEq(settle(provider, row(MAX, 301)), 1, "claim one above");
        vm.assertEq(settle(provider, row(302, MAX)), 1, "claim cut down to the voucher");
        vm.assertEq(settle(provider, row(303, 303)), 1, "one above");
        vm.assertEq(settle(provider, row(MAX, MAX)), DEPOSIT - 303, "limited by the balance");
        vm.assertEq(settled(), DEPOSIT, "settled moves by what was paid");
    }

    function test_staleAndEmpty_leaveNoEvent() public {
        settle(provider, row(300, 300));
        vm.recordLogs();
        settle(provider, bytes.concat(row(300, 300), row(299, 299)));
        vm.assertEq(vm.getRecordedLogs().length, 0, "stale");
        settle(provider, row(DEPOSIT, DEPOSIT));
        vm.recordLogs();
        settle(provider, row(DEPOSIT + 1, DEPOSIT + 1));
        vm.assertEq(vm.getRecordedLogs().length, 0, "empty");
    }

    function test_partialPayment_restStaysClaimable() public {
        bytes memory rows = row(DEPOSIT + 500, DEPOSIT + 500);
        vm.assertEq(settle(provider, rows), DEPOSIT, "what there is");
        vm.assertEq(settle(provider, rows), 0, "empty");
        vm.prank(user);
        serving.depositFund{value: 200}(provider);
        vm.assertEq(settle(provider, rows), 200, "some of the rest");
        vm.prank(user);
        serving.depositFund{value: 900}(provider);
        vm.assertEq(settle(provider, rows), 300, "the rest");
        vm.assertEq(settle(provider, rows), 0, "no more");
        vm.assertEq(serving.getAccount(user, provider).balance, 600, "balance");
    }

    function test_emptyBatch() public {
        vm.assertEq(settle(provider, ""), 0, "nothing");
        vm.assertEq(settle(person(77), ""), 0, "by anyone");
    }

    function test_badLength() public {
        bytes memory good = row(5, 5);
        vm.expectRevert(Serving.BadLength.selector);
        settle(provider, bytes.concat(good, hex"00"));
        bytes memory short = new bytes(111);
        vm.expectRevert(Serving.BadLength.selector);
        settle(provider, short);
    }

    function assertSkipped(bytes memory bad, string memory why) private {
        vm.recordLogs();
        vm.assertEq(settle(provider, bad), 0, why);
        vm.assertEq(vm.getRecordedLogs().length, 0, "no event");
        vm.assertEq(settled(), 0, why);
    }

    function test_skips() public {
        bytes32 domain = Sign.separator(vm.getChainId(), address(serving));
        bytes32 digest = Sign.digest(domain, user, provider, 0, 5);
        (bytes32 r, bytes32 vs) = Sign.compact(1, digest);

        // The other signature over the same digest: s' = n - s with the parity turned.
        uint256 s = uint256(vs) & (type(uint256).max >> 1);
        uint256 parity = uint256(vs) >> 255;
        uint256 high = ORDER - s;
        if (high >> 255 == 0) {
            bytes32 turned = bytes32(high | ((1 - parity) << 255));
            vm.assertEq(ecrecover(digest, uint8(28 - parity), r, bytes32(high)), user, "it is a signature");
            assertSkipped(Sign.row(user, 5, 5, r, turned), "high s");
        }
        assertSkipped(Sign.row(user, 5, 5, r, bytes32(uint256(vs) ^ (1 << 255))), "turned parity");
        assertSkipped(Sign.row(user, 5, 5, 0, vs), "r zero");
        assertSkipped(Sign.row(user, 5, 5, r, 0), "s zero");
        assertSkipped(Sign.row(user, 5, 5, bytes32(ORDER), vs), "r too large");
        assertSkipped(Sign.row(user, 5, 5, 0, 0), "all zero");
        assertSkipped(Sign.row(user, 5, 5, bytes32(type(uint256).max), bytes32(type(uint256).max)), "all ones");
        assertSkipped(Sign.row(user, 6, 6, r, vs), "other amount");
        assertSkipped(Sign.row(address(0), 5, 5, r, vs), "zero user");
        assertSkipped(Sign.row(address(0), 5, 5, 0, 0), "zero user, zero signer");
        assertSkipped(Sign.row(person(9), 5, 5, r, vs), "unknown account");
        assertSkipped(signedRow(9, user, provider, 0, 5, 5), "stranger's signature");
        assertSkipped(signedRow(2, user, provider, 0, 5, 5), "provider's signature");
        assertSkipped(signedRow(1, user, provider, 1, 5, 5), "other epoch");
        assertSkipped(signedRow(1, user, user, 0, 5, 5), "voucher for another provider");
        vm.assertEq(settle(provider, Sign.row(user, 5, 5, r, vs)), 5, "and the genuine one pays");
    }

    /// @dev Half the order is the highest s that is taken.
    function test_halfOrder() public {
        uint256 half = ORDER / 2;
        // With r of any point and s at the bound some key is recovered; make it the account's delegate.
        bytes32 r = bytes32(uint256(0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798));
        address found = ecrecover(serving.voucherDigest(person(5), provider, 0, 10), 27, r, bytes32(half));
        vm.assertTrue(found != address(0), "a key");
        open(person(5), provider, found, 100);
        vm.assertEq(settle(provider, Sign.row(person(5), 10, 10, r, bytes32(half))), 10, "at the bound");

        found = ecrecover(serving.voucherDigest(person(6), provider, 0, 10), 27, r, bytes32(half + 1));
        vm.assertTrue(found != address(0), "a key");
        open(person(6), provider, found, 100);
        vm.assertEq(settle(provider, Sign.row(person(6), 10, 10, r, bytes32(half + 1))), 0, "above the bound");
    }

    function test_wrongProvider() public {
        address thief = person(3);
        vm.assertEq(settle(thief, row(5, 5)), 0, "no account with it");
        open(user, thief, address(0), 50);
        vm.assertEq(settle(thief, row(5, 5)), 0, "voucher of another provider");
    }

    function test_wrongContract() public {
        Serving second = deploy(LOCK);
        vm.prank(user);
        second.addAccount{value: 50}(provider, address(0));
        vm.prank(provider);
        vm.assertEq(second.settleFees(row(5, 5)), 0, "voucher for another contract");
    }

    function test_wrongChain_andFork() public {
        uint256 chain = vm.getChainId();
        bytes memory here = row(5, 5);
        bytes32 separator = serving.domainSeparator();
        vm.chainId(chain + 1);
        vm.assertTrue(serving.domainSeparator() != separator, "recomputed");
        vm.assertEq(serving.domainSeparator(), Sign.separator(chain + 1, address(serving)), "separator");
        vm.assertEq(settle(provider, here), 0, "voucher for the old chain");
        bytes memory there = row(6, 6);
        vm.assertEq(settle(provider, there), 6, "voucher for the new chain");
        vm.chainId(chain);
        vm.assertEq(serving.domainSeparator(), separator, "back");
        bytes memory again = row(8, 8);
        vm.assertEq(settle(provider, there), 0, "voucher for the other chain");
        vm.assertEq(settle(provider, again), 2, "voucher for this chain");
    }

    function test_rowsOfOneUser_inAnyOrder_andTwice() public {
        bytes memory rows = bytes.concat(row(10, 10), row(30, 30), row(20, 20), row(30, 30), row(31, 31));
        vm.assertEq(settle(provider, rows), 31, "the highest");
        vm.assertEq(settle(provider, rows), 0, "again");
    }

    function test_oneBadRow_changesNothingForOthers() public {
        address second = person(5);
        open(second, provider, address(0), 100);
        bytes memory good = row(10, 10);
        bytes memory more = signedRow(5, second, provider, 0, 20, 20);
        bytes memory bad = Sign.row(user, 999, 999, bytes32(uint256(1)), bytes32(uint256(2)));
        bytes memory unknown = signedRow(9, person(9), provider, 0, 20, 20);
        vm.assertEq(settle(provider, bytes.concat(bad, good, unknown, more, bad)), 30, "both are paid");
    }

    function testFuzz_garbageNeverPaysNorReverts(bytes calldata junk, address who) public {
        bytes memory rows = junk[:junk.length - junk.length % 112];
        vm.assertEq(settle(provider, rows), 0, "junk");
        bytes memory named = bytes.concat(bytes20(user), junk.length >= 92 ? bytes(junk[:92]) : new bytes(92));
        vm.assertEq(settle(provider, named), 0, "junk with a user");
        named = bytes.concat(bytes20(who), junk.length >= 92 ? bytes(junk[:92]) : new bytes(92));
        vm.assertEq(settle(provider, named), 0, "junk with anybody");
    }

    function testFuzz_flippedBit(uint256 position) public {
        bytes memory good = row(700, 700);
        position %= 112 * 8;
        // In the claim a flip is no forgery: the claim is the provider's own word.
        if (position >= 34 * 8 && position < 48 * 8) position -= 34 * 8;
        good[position / 8] ^= bytes1(uint8(1 << (position % 8)));
        vm.assertEq(settle(provider, good), 0, "flipped");
    }

    function testFuzz_claims(uint112 first, uint112 firstClaim, uint112 second, uint112 secondClaim) public {
        uint256 want = min(min(first, firstClaim), DEPOSIT);
        vm.assertEq(settle(provider, row(first, firstClaim)), want, "first");
        uint256 then = min(min(second, secondClaim), DEPOSIT);
        uint256 rest = then > want ? then - want : 0;
        vm.assertEq(settle(provider, row(second, secondClaim)), rest, "second");
        vm.assertEq(settled(), want + rest, "settled");
        vm.assertEq(address(serving).balance, DEPOSIT - want - rest, "held");
    }

    function min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}

/// @dev Calls back into the contract on every payment.
contract Reentrant {
    Serving private serving;
    bytes private payload;
    uint256 public tries;
    uint256 public successes;
    bool public refuse;

    constructor(Serving serving_) payable {
        serving = serving_;
    }

    function run(bytes calldata call_, uint256 value, bytes calldata onPayment) external returns (bool ok) {
        payload = onPayment;
        (ok,) = address(serving).call{value: value}(call_);
    }

    function setRefuse(bool value) external {
        refuse = value;
    }

    receive() external payable {
        require(!refuse);
        if (payload.length == 0 || tries >= 3) return;
        ++tries;
        (bool ok,) = address(serving).call(payload);
        if (ok) ++successes;
    }
}

contract ReentrancyTest is Base {
    Reentrant private thief;
    address private provider;
    address private user;

    function setUp() public override {
        super.setUp();
        provider = person(2);
        user = person(1);
        thief = new Reentrant{value: 0}(serving);
        vm.deal(address(thief), 1000);
        open(user, provider, address(0), 5000); // somebody else's money
    }

    function test_refund_cannotBeTakenTwice() public {
        vm.assertTrue(thief.run(abi.encodeCall(serving.addAccount, (provider, address(0))), 1000, ""), "open");
        vm.assertTrue(thief.run(abi.encodeCall(serving.requestRefund, (provider, 600)), 0, ""), "request");
        vm.warp(START + LOCK);
        bytes memory process = abi.encodeCall(serving.processRefund, (provider));
        vm.assertTrue(thief.run(process, 0, process), "process");
        vm.assertEq(thief.tries(), 1, "called back");
        vm.assertEq(thief.successes(), 0, "in vain");
        vm.assertEq(address(thief).balance, 600, "received once");
        vm.assertEq(serving.getAccount(address(thief), provider).balance, 400, "balance");
        vm.assertEq(address(serving).balance, 5400, "held");
    }

    function test_refund_requestFromWithin_startsItsOwnClock() public {
        thief.run(abi.encodeCall(serving.addAccount, (provider, address(0))), 1000, "");
        thief.run(abi.encodeCall(serving.requestRefund, (provider, 600)), 0, "");
        vm.warp(START + LOCK);
        bytes memory again = abi.encodeCall(serving.requestRefund, (provider, 400));
        thief.run(abi.encodeCall(serving.processRefund, (provider)), 0, again);
        vm.assertEq(thief.successes(), 1, "a new request is allowed");
        Serving.AccountView memory account = serving.getAccount(address(thief), provider);
        vm.assertEq(account.pendingRefund, 400, "pending");
        vm.assertEq(account.refundIndex, 2, "index");
        vm.assertEq(account.unlockAt, START + 2 * LOCK, "unlock at");
        vm.assertEq(account.balance, 400, "balance");
    }

    function test_settlement_cannotBeTakenTwice() public {
        open(user, address(thief), address(0), 900);
        bytes memory rows = signedRow(1, user, address(thief), 0, 300, 300);
        bytes memory call_ = abi.encodeCall(serving.settleFees, (rows));
        vm.assertTrue(thief.run(call_, 0, call_), "settle");
        vm.assertEq(thief.tries(), 1, "called back");
        vm.assertEq(thief.successes(), 1, "pays nothing");
        vm.assertEq(address(thief).balance, 1300, "received once");
        vm.assertEq(serving.getAccount(user, address(thief)).balance, 600, "balance");
        vm.assertEq(address(serving).balance, 5600, "held");
    }

    function test_settlement_nestedIsTheSameAsOneAfterTheOther() public {
        open(user, address(thief), address(0), 900);
        bytes memory first = signedRow(1, user, address(thief), 0, 300, 300);
        bytes memory second = signedRow(1, user, address(thief), 0, 500, 500);
        thief.run(
            abi.encodeCall(serving.settleFees, (first)), 0, abi.encodeCall(serving.settleFees, (second))
        );
        vm.assertEq(address(thief).balance, 1500, "received");
        vm.assertEq(serving.getAccount(user, address(thief)).settled, 500, "settled");
        vm.assertEq(serving.getAccount(user, address(thief)).balance, 400, "balance");
        vm.assertEq(address(serving).balance, 5400, "held");
    }

    function test_settlementFromWithinRefund() public {
        // User and provider in one: the refund calls back to settle the very balance it has taken.
        thief.run(abi.encodeCall(serving.addAccount, (address(thief), vm.addr(0xD1))), 1000, "");
        thief.run(abi.encodeCall(serving.requestRefund, (address(thief), 1000)), 0, "");
        vm.warp(START + LOCK);
        bytes memory rows = signedRow(0xD1, address(thief), address(thief), 0, 1000, 1000);
        thief.run(
            abi.encodeCall(serving.processRefund, (address(thief))), 0, abi.encodeCall(serving.settleFees, (rows))
        );
        vm.assertEq(thief.successes(), 1, "settles nothing");
        vm.assertEq(address(thief).balance, 1000, "received once");
        vm.assertEq(address(serving).balance, 5000, "held");
    }

    function test_transferFailed() public {
        thief.run(abi.encodeCall(serving.addAccount, (address(thief), vm.addr(0xD1))), 1000, "");
        thief.run(abi.encodeCall(serving.requestRefund, (address(thief), 1000)), 0, "");
        vm.warp(START + LOCK);
        thief.setRefuse(true);
        bytes memory rows = signedRow(0xD1, address(thief), address(thief), 0, 10, 10);
        vm.expectRevert(Serving.TransferFailed.selector);
        vm.prank(address(thief));
        serving.processRefund(address(thief));
        vm.expectRevert(Serving.TransferFailed.selector);
        settle(address(thief), rows);
        // Nothing is lost by it.
        vm.assertEq(serving.getAccount(address(thief), address(thief)).pendingRefund, 1000, "pending");
        vm.assertEq(serving.getAccount(address(thief), address(thief)).settled, 0, "settled");
        thief.setRefuse(false);
        vm.assertEq(settle(address(thief), rows), 10, "later");
    }
}

contract ServiceTest is Base {
    address private provider;
    address private second;

    function setUp() public override {
        super.setUp();
        provider = person(2);
        second = person(3);
    }

    function put(address by, string memory name, uint128 price) private {
        vm.prank(by);
        serving.addOrUpdateService(name, "chatbot", "https://a.example", "m", price, price + 1);
    }

    function remove(address by, string memory name) private {
        vm.prank(by);
        serving.removeService(name);
    }

    function version(string memory name) private view returns (uint256) {
        return serving.getService(provider, name).updatedAt;
    }

    function text(uint256 length) private pure returns (string memory) {
        return string(new bytes(length));
    }

    function test_add_update_remove() public {
        vm.expectEmit(address(serving));
        emit Serving.ServiceUpdated(
            provider, "chat", "chatbot", "https://a.example", "tiny", 3, 4, uint64(START)
        );
        vm.prank(provider);
        serving.addOrUpdateService("chat", "chatbot", "https://a.example", "tiny", 3, 4);
        Serving.Service memory service = serving.getService(provider, "chat");
        vm.assertEq(service.provider, provider, "provider");
        vm.assertEq(service.name, "chat", "name");
        vm.assertEq(service.serviceType, "chatbot", "type");
        vm.assertEq(service.url, "https://a.example", "url");
        vm.assertEq(service.model, "tiny", "model");
        vm.assertEq(service.inputPrice, 3, "input price");
        vm.assertEq(service.outputPrice, 4, "output price");
        vm.assertEq(service.updatedAt, START, "updated at");

        vm.warp(START + 10);
        vm.prank(provider);
        serving.addOrUpdateService("chat", "zgStorage", "https://b.example", "", type(uint128).max, 0);
        service = serving.getService(provider, "chat");
        vm.assertEq(service.serviceType, "zgStorage", "type");
        vm.assertEq(service.url, "https://b.example", "url");
        vm.assertEq(service.model, "", "model");
        vm.assertEq(service.inputPrice, type(uint128).max, "input price");
        vm.assertEq(service.outputPrice, 0, "output price");
        vm.assertEq(service.updatedAt, START + 10, "updated at");
        (, uint256 total) = serving.getServices(0, 10);
        vm.assertEq(total, 1, "still one");

        vm.expectEmit(address(serving));
        emit Serving.ServiceRemoved(provider, "chat");
        remove(provider, "chat");
        vm.expectRevert(abi.encodeWithSelector(Serving.ServiceNotFound.selector, provider, "chat"));
        serving.getService(provider, "chat");
        vm.expectRevert(abi.encodeWithSelector(Serving.ServiceNotFound.selector, provider, "chat"));
        remove(provider, "chat");
        (, total) = serving.getServices(0, 10);
        vm.assertEq(total, 0, "none");
    }

    function test_limits() public {
        put(provider, text(1), 1);
        put(provider, text(64), 1);
        vm.prank(provider);
        serving.addOrUpdateService(text(2), text(1), text(1), "", 0, 0);
        vm.prank(provider);
        serving.addOrUpdateService(text(3), text(32), text(512), text(128), 0, 0);
        Serving.Service memory service = serving.getService(provider, text(3));
        vm.assertEq(service.url, text(512), "longest url");
        vm.assertEq(service.model, text(128), "longest model");

        refuse("name", text(0), "t", "u", "");
        refuse("name", text(65), "t", "u", "");
        refuse("serviceType", "n", text(0), "u", "");
        refuse("serviceType", "n", text(33), "u", "");
        refuse("url", "n", "t", text(0), "");
        refuse("url", "n", "t", text(513), "");
        refuse("model", "n", "t", "u", text(129));
    }

    function refuse(
        string memory field,
        string memory name,
        string memory kind,
        string memory url,
        string memory model
    ) private {
        vm.expectRevert(abi.encodeWithSelector(Serving.BadService.selector, field));
        vm.prank(provider);
        serving.addOrUpdateService(name, kind, url, model, 1, 1);
    }

    function test_versions_neverRepeat() public {
        put(provider, "chat", 1);
        vm.assertEq(version("chat"), START, "first");
        put(provider, "chat", 2);
        vm.assertEq(version("chat"), START + 1, "second in the same block");
        put(provider, "chat", 2);
        vm.assertEq(version("chat"), START + 2, "third, nothing changed");
        remove(provider, "chat");
        put(provider, "chat", 1);
        vm.assertEq(version("chat"), START + 3, "after removal, same block");
        vm.warp(START + 1);
        put(provider, "chat", 1);
        vm.assertEq(version("chat"), START + 4, "the clock is behind");
        remove(provider, "chat");
        vm.warp(START + 100);
        put(provider, "chat", 1);
        vm.assertEq(version("chat"), START + 100, "the clock is ahead");
        // A name is one provider's own.
        put(second, "chat", 9);
        vm.assertEq(serving.getService(second, "chat").updatedAt, START + 100, "another provider's");
        vm.assertEq(serving.getService(provider, "chat").inputPrice, 1, "untouched");
    }

    function test_pages() public {
        put(provider, "a", 1);
        put(second, "b", 2);
        put(provider, "c", 3);
        put(second, "d", 4);
        put(provider, "e", 5);
        (Serving.Service[] memory page, uint256 total) = serving.getServices(0, 3);
        vm.assertEq(total, 5, "total");
        vm.assertEq(page.length, 3, "page");
        vm.assertEq(page[0].name, "a", "a");
        vm.assertEq(page[2].name, "c", "c");
        (page, total) = serving.getServices(3, type(uint256).max);
        vm.assertEq(page.length, 2, "last page");
        vm.assertEq(page[1].name, "e", "e");
        (page, total) = serving.getServices(5, 1);
        vm.assertEq(page.length, 0, "past the end");
        (page, total) = serving.getServices(type(uint256).max, type(uint256).max);
        vm.assertEq(page.length, 0, "far past the end");
        vm.assertEq(total, 5, "total");
        (page, total) = serving.getServices(0, 0);
        vm.assertEq(page.length, 0, "no limit");
        (page, total) = serving.getServicesByProvider(provider, 1, 5);
        vm.assertEq(total, 3, "own total");
        vm.assertEq(page.length, 2, "own page");
        vm.assertEq(page[0].name, "c", "own c");
        (page, total) = serving.getServicesByProvider(person(9), 0, 5);
        vm.assertEq(total, 0, "nobody's");
        vm.assertEq(page.length, 0, "nobody's page");

        remove(provider, "a"); // e moves to its place in both lists
        (page, total) = serving.getServices(0, 10);
        vm.assertEq(total, 4, "one less");
        vm.assertEq(page[0].name, "e", "moved");
        (page, total) = serving.getServicesByProvider(provider, 0, 10);
        vm.assertEq(total, 2, "one less of its own");
        vm.assertEq(page[0].name, "e", "moved among its own");
        vm.assertEq(page[1].name, "c", "stayed");
        remove(second, "b");
        remove(provider, "c");
        remove(provider, "e");
        remove(second, "d");
        (page, total) = serving.getServices(0, 10);
        vm.assertEq(total, 0, "none");
    }

    /// @dev Adds and removes at random, and holds both listings against a list kept here.
    function testFuzz_listings(uint256 seed) public {
        bool[2][6] memory there;
        for (uint256 step = 0; step < 40; ++step) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 who = seed % 2;
            uint256 which = (seed >> 8) % 6;
            address by = who == 0 ? provider : second;
            string memory name = string(abi.encodePacked(bytes1(uint8(97 + which))));
            if ((seed >> 16) % 2 == 0) {
                put(by, name, uint128(step));
                there[which][who] = true;
            } else if (there[which][who]) {
                remove(by, name);
                there[which][who] = false;
            }
            uint256 count;
            for (uint256 i = 0; i < 6; ++i) {
                for (uint256 j = 0; j < 2; ++j) {
                    if (there[i][j]) ++count;
                }
            }
            (Serving.Service[] memory all, uint256 total) = serving.getServices(0, 100);
            vm.assertEq(total, count, "total");
            (Serving.Service[] memory mine,) = serving.getServicesByProvider(provider, 0, 100);
            (Serving.Service[] memory theirs,) = serving.getServicesByProvider(second, 0, 100);
            vm.assertEq(mine.length + theirs.length, count, "own totals");
            for (uint256 i = 0; i < all.length; ++i) {
                uint256 at_ = uint8(bytes(all[i].name)[0]) - 97;
                vm.assertTrue(there[at_][all[i].provider == provider ? 0 : 1], "listed and there");
                for (uint256 j = 0; j < i; ++j) {
                    vm.assertTrue(
                        all[i].provider != all[j].provider
                            || keccak256(bytes(all[i].name)) != keccak256(bytes(all[j].name)),
                        "listed once"
                    );
                }
            }
            for (uint256 i = 0; i < mine.length; ++i) {
                vm.assertEq(mine[i].provider, provider, "own");
            }
        }
    }
}

contract ListingTest is Base {
    function test_accounts() public {
        address[4] memory providers = [person(101), person(102), person(103), person(104)];
        address alice = person(1);
        address bob = person(2);
        vm.prank(providers[0]); // a provider known by a service alone
        serving.addOrUpdateService("s", "t", "u", "", 1, 1);
        open(alice, providers[1], address(0), 11);
        open(bob, providers[2], vm.addr(7), 22);
        open(alice, providers[3], address(0), 33);
        open(bob, providers[1], address(0), 44);
        vm.prank(providers[1]); // known already
        serving.addOrUpdateService("s", "t", "u", "", 1, 1);

        (Serving.AccountView[] memory page, uint256 total) = serving.getAccountsByProvider(providers[1], 0, 10);
        vm.assertEq(total, 2, "total");
        vm.assertEq(page[0].user, alice, "alice");
        vm.assertEq(page[0].balance, 11, "alice's balance");
        vm.assertEq(page[1].user, bob, "bob");
        vm.assertEq(page[1].provider, providers[1], "provider");
        (page, total) = serving.getAccountsByProvider(providers[1], 1, type(uint256).max);
        vm.assertEq(page.length, 1, "second page");
        vm.assertEq(page[0].user, bob, "bob");
        (page, total) = serving.getAccountsByProvider(providers[1], 2, 1);
        vm.assertEq(page.length, 0, "past the end");
        (page, total) = serving.getAccountsByProvider(providers[0], 0, 10);
        vm.assertEq(total, 0, "no accounts");

        (page, total) = serving.getAccountsByUser(alice, 0, 10);
        vm.assertEq(total, 4, "providers");
        vm.assertEq(page.length, 2, "alice has two");
        vm.assertEq(page[0].provider, providers[1], "first");
        vm.assertEq(page[1].balance, 33, "second");
        (page, total) = serving.getAccountsByUser(alice, 0, 1);
        vm.assertEq(page.length, 0, "none with the first provider");
        (page, total) = serving.getAccountsByUser(alice, 2, 2);
        vm.assertEq(page.length, 1, "one with the last two");
        (page, total) = serving.getAccountsByUser(bob, 2, type(uint256).max);
        vm.assertEq(page.length, 1, "bob");
        vm.assertEq(page[0].delegate, vm.addr(7), "bob's delegate");
        (page, total) = serving.getAccountsByUser(bob, 4, 1);
        vm.assertEq(page.length, 0, "past the end");
        vm.assertEq(total, 4, "providers");
        (page, total) = serving.getAccountsByUser(person(9), 0, 10);
        vm.assertEq(page.length, 0, "a stranger");
    }
}
