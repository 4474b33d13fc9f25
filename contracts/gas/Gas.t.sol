// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Serving} from "../Serving.sol";
import {Base, vm, Vm} from "../test/Base.sol";

/// @dev Prints the gas of whole transactions: run with isolation, so that every call is one, with its 21,000, its
/// calldata and cold storage. gas.mjs reads the log and holds it against the bars.
contract GasTest is Base {
    event log_named_uint(string key, uint256 value);

    address private provider;
    uint256 private constant DELEGATE = 1 << 128;

    function setUp() public override {
        super.setUp();
        provider = person(1);
        vm.prank(provider);
        serving.addOrUpdateService("chat", "chatbot", "https://provider.example/v1", "model", 1, 2);
        // Somebody is there already, so that nothing of the contract is used for the first time.
        open(person(2), provider, address(0), 1 ether);
    }

    /// @dev Gas of the last transaction as its receipt shows it.
    function note(string memory key) private returns (uint256 used) {
        Vm.Gas memory gas = vm.lastCallGas();
        used = gas.gasTotalUsed;
        emit log_named_uint(key, used);
    }

    function test_gas_isPerTransaction() public {
        vm.prank(provider);
        (bool ok,) = person(3).call{value: 1}("");
        require(ok);
        vm.assertEq(note("plain transfer"), 21_000, "run with isolation");
    }

    function test_gas_accounts() public {
        address user = person(10);
        open(user, provider, address(0), 1 ether);
        note("first deposit");
        user = person(11);
        open(user, provider, vm.addr(DELEGATE), 1 ether);
        note("first deposit with delegate");
        vm.prank(user);
        serving.depositFund{value: 1 ether}(provider);
        note("top-up");
        vm.prank(user);
        serving.setDelegate(provider, vm.addr(DELEGATE + 1));
        note("change delegate");
        vm.prank(user);
        serving.requestRefund(provider, 1 ether);
        note("request refund");
        vm.warp(START + LOCK);
        vm.prank(user);
        serving.processRefund(provider);
        note("take refund");
    }

    function test_gas_services() public {
        vm.prank(provider);
        serving.addOrUpdateService("second", "chatbot", "https://provider.example/v2", "model", 1, 2);
        note("add service");
        vm.prank(provider);
        serving.addOrUpdateService("second", "chatbot", "https://provider.example/v2", "model", 3, 4);
        note("change service");
        vm.prank(provider);
        serving.removeService("second");
        note("remove service");
    }

    function test_gas_settle() public {
        uint16[4] memory sizes = [uint16(1), 10, 50, 200];
        for (uint256 i = 0; i < sizes.length; ++i) {
            batch(sizes[i], false, ["settle 1", "settle 10", "settle 50", "settle 200"][i]);
            batch(
                sizes[i],
                true,
                ["settle 1 delegate", "settle 10 delegate", "settle 50 delegate", "settle 200 delegate"][i]
            );
        }
    }

    /// @dev From the steady state: all accounts have settled before, and keep a balance.
    function batch(uint256 users, bool delegates, string memory key) private {
        bytes memory first;
        bytes memory second;
        for (uint256 i = 0; i < users; ++i) {
            uint256 userKey = uint256(keccak256(abi.encode(key, i)));
            address user = person(userKey);
            uint256 signer = delegates ? uint256(keccak256(abi.encode(userKey))) : userKey;
            open(user, provider, delegates ? vm.addr(signer) : address(0), 1 ether);
            first = bytes.concat(first, signedRow(signer, user, provider, 0, 1e15 + 7, 1e15));
            second = bytes.concat(second, signedRow(signer, user, provider, 0, 3e15 + 7, 3e15 - 12345));
        }
        vm.assertEq(settle(provider, first), users * 1e15, "first settlement");
        uint256 total = settle(provider, second);
        note(key);
        vm.assertEq(total, users * (2e15 - 12345), "second settlement");
        total = settle(provider, second);
        note(string.concat(key, " stale"));
        vm.assertEq(total, 0, "stale rows");
    }
}
