// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Serving} from "../Serving.sol";

/// @dev The cheatcodes of forge that the tests use.
interface Vm {
    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function prank(address sender) external;
    function deal(address who, uint256 balance) external;
    function warp(uint256 timestamp) external;
    function getBlockTimestamp() external view returns (uint256);
    function chainId(uint256 id) external;
    function getChainId() external view returns (uint256);
    function load(address target, bytes32 slot) external view returns (bytes32);
    function store(address target, bytes32 slot, bytes32 value) external;
    function etch(address target, bytes calldata code) external;
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 selector) external;
    function expectRevert() external;
    function expectEmit(address emitter) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function lastCallGas() external view returns (Gas memory);
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function assertTrue(bool value, string calldata why) external pure;
    function assertEq(uint256 left, uint256 right, string calldata why) external pure;
    function assertEq(address left, address right, string calldata why) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata why) external pure;
    function assertEq(string calldata left, string calldata right, string calldata why) external pure;
    function assertEq(bytes calldata left, bytes calldata right, string calldata why) external pure;
    function assertLe(uint256 left, uint256 right, string calldata why) external pure;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

uint256 constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

/// @dev Signs as a broker would, without help from the contract under test.
library Sign {
    function separator(uint256 chain, address serving) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("0G Serving"),
                keccak256("1"),
                chain,
                serving
            )
        );
    }

    function digest(bytes32 domain, address user, address provider, uint32 epoch, uint128 cumulative)
        internal
        pure
        returns (bytes32)
    {
        bytes32 voucher = keccak256(
            abi.encode(
                keccak256("Voucher(address user,address provider,uint32 epoch,uint128 cumulative)"),
                user,
                provider,
                epoch,
                cumulative
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, voucher));
    }

    /// @dev The last two fields of a row.
    function compact(uint256 key, bytes32 hash) internal pure returns (bytes32 r, bytes32 yParityAndS) {
        uint8 v;
        bytes32 s;
        (v, r, s) = vm.sign(key, hash);
        yParityAndS = bytes32(uint256(s) | (uint256(v - 27) << 255));
    }

    function row(address user, uint112 cumulative, uint112 claim, bytes32 r, bytes32 yParityAndS)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(user, cumulative, claim, r, yParityAndS);
    }
}

/// @dev What the test contracts share.
abstract contract Base {
    uint40 internal constant LOCK = 1 days;
    uint256 internal constant START = 1_800_000_000;

    Serving internal serving;

    function setUp() public virtual {
        vm.warp(START);
        serving = deploy(LOCK);
    }

    /// @dev Deploys the committed artifact, so that the very bytes brokers deploy are what is tested.
    function deploy(uint40 lockTime) internal returns (Serving made) {
        bytes memory code = vm.parseJsonBytes(vm.readFile("./Serving.json"), ".bytecode.object");
        code = bytes.concat(code, abi.encode(lockTime));
        assembly {
            made := create(0, add(code, 0x20), mload(code))
            if iszero(made) {
                returndatacopy(code, 0, returndatasize())
                revert(code, returndatasize())
            }
        }
    }

    /// @dev As `deploy`, for a constructor expected to revert.
    function deployOutside(uint40 lockTime) external returns (Serving) {
        return deploy(lockTime);
    }

    function person(uint256 key) internal returns (address who) {
        who = vm.addr(key);
        vm.deal(who, 1e30);
    }

    function open(address user, address provider, address delegate, uint256 amount) internal {
        vm.prank(user);
        serving.addAccount{value: amount}(provider, delegate);
    }

    function settle(address provider, bytes memory rows) internal returns (uint256) {
        vm.prank(provider);
        return serving.settleFees(rows);
    }

    function signedRow(uint256 key, address user, address provider, uint32 epoch, uint112 cumulative, uint112 claim)
        internal
        view
        returns (bytes memory)
    {
        bytes32 domain = Sign.separator(vm.getChainId(), address(serving));
        (bytes32 r, bytes32 vs) = Sign.compact(key, Sign.digest(domain, user, provider, epoch, cumulative));
        return Sign.row(user, cumulative, claim, r, vs);
    }
}
